package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	variableName = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?`)
	fixedWindow  = regexp.MustCompile(`\[[0-9]+[smhdw]`)
)

// builtIn are the variables that Grafana has in every dashboard.
var builtIn = []string{"__rate_interval", "__range", "__interval"}

func checkPanel(rep *report, c catalogue, uid string, p panel, vars, used map[string]bool) {
	field := fmt.Sprintf("panel %d %q", p.ID, p.Title)
	if p.Repeat != "" {
		mark(rep, field, "$"+p.Repeat, vars, used)
	}
	mark(rep, field, p.Title, vars, used)
	if p.Type == "row" {
		return
	}
	if len(p.Alert) > 0 {
		rep.addf(field, "has an alert: those are in the rules")
	}
	if p.Title == "" || p.Description == "" {
		rep.addf(field, "title and description must say what is shown")
	}
	if p.Datasource == nil || p.Datasource.Type != "prometheus" || p.Datasource.UID != "${datasource}" {
		rep.addf(field+": datasource", "must be ${datasource}")
	} else {
		used[datasource] = true
	}
	panelUnits(rep, field, p)
	if m := p.FieldConfig.Defaults.Thresholds.Mode; m != "" && m != "absolute" {
		rep.addf(field+": thresholds", "are %s and must be absolute", m)
	}
	if len(p.Targets) == 0 {
		rep.addf(field, "shows nothing")
	}
	refs := make(map[string]bool)
	for _, t := range p.Targets {
		at := field + ": target " + t.RefID
		if t.RefID == "" || refs[t.RefID] {
			rep.addf(at, "needs a refId of its own")
		}
		refs[t.RefID] = true
		if t.Datasource != nil && t.Datasource.UID != "${datasource}" {
			rep.addf(at+": datasource", "must be ${datasource}")
		}
		mark(rep, at, t.Expr, vars, used)
		window(rep, at, uid, p.Type, t.Expr)
		mistakes, err := c.expression(t.Expr)
		if err != nil {
			rep.addf(at, "%v", err)
		}
		for _, m := range mistakes {
			rep.addf(at, "%s", m)
		}
		if p.Type == "heatmap" && t.Format != "heatmap" {
			rep.addf(at, "must have the format heatmap: the buckets are cumulative")
		}
	}
}

// mark notes the variables that a text uses.
func mark(rep *report, field, text string, vars, used map[string]bool) {
	for _, m := range variableName.FindAllStringSubmatch(text, -1) {
		switch name := m[1]; {
		case slices.Contains(builtIn, name):
		case vars[name]:
			used[name] = true
		default:
			rep.addf(field, "there is no variable %s", name)
		}
	}
}

// panelUnits wants a unit for everything that is a number.
func panelUnits(rep *report, field string, p panel) {
	if p.Type == "logs" || p.Type == "text" {
		return
	}
	if unit := p.FieldConfig.Defaults.Unit; !slices.Contains(units, unit) {
		rep.addf(field+": unit", "%q is none of %s", unit, strings.Join(units, ", "))
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			var unit string
			if property.ID == "unit" && (json.Unmarshal(property.Value, &unit) != nil || !slices.Contains(units, unit)) {
				rep.addf(field+": overrides", "unit %s is none of %s", property.Value, strings.Join(units, ", "))
			}
		}
	}
}

// window wants a graph to follow its step and a number the range shown. A fixed window
// belongs to objectives, and those have recorded series.
func window(rep *report, field, uid, kind, expr string) {
	if fixedWindow.MatchString(expr) && !strings.HasSuffix(uid, "-slos") {
		rep.addf(field, "has a fixed window: graphs use $__rate_interval, numbers $__range")
	}
	graph := kind == "timeseries" || kind == "heatmap" || kind == "state-timeline"
	if graph && strings.Contains(expr, "[$__range]") {
		rep.addf(field, "a graph uses $__rate_interval")
	}
	if !graph && strings.Contains(expr, "[$__rate_interval]") {
		rep.addf(field, "a number uses $__range")
	}
}

// columns is how wide Grafana's grid is.
const columns = 24

// sizes are the platform's, height by width; a table or a timeline may fill the width.
var sizes = map[string][][2]int{
	"row": {{1, columns}}, "stat": {{4, 6}}, "timeseries": {{8, 12}}, "heatmap": {{8, 12}},
	"table": {{8, columns}, {8, 12}}, "state-timeline": {{8, columns}, {8, 12}}, "logs": {{10, columns}},
}

// layout wants panels with ids of their own that lie beside each other.
func layout(rep *report, panels []panel) {
	ids := make(map[int]string)
	for i, p := range panels {
		field := fmt.Sprintf("panel %d %q", p.ID, p.Title)
		if other, twice := ids[p.ID]; twice || p.ID == 0 {
			rep.addf(field, "has the id of %q", other)
		}
		ids[p.ID] = p.Title
		g := p.GridPos
		known, ok := sizes[p.Type]
		switch {
		case !ok:
			rep.addf(field, "the platform has no size for type %s", p.Type)
		case !slices.Contains(known, [2]int{g.H, g.W}):
			rep.addf(field+": gridPos", "is %d by %d; a %s is %d by %d", g.H, g.W, p.Type, known[0][0], known[0][1])
		}
		if g.X < 0 || g.Y < 0 || g.X+g.W > columns {
			rep.addf(field+": gridPos", "lies outside of the grid")
		}
		for _, q := range panels[:i] {
			o := q.GridPos
			if g.X < o.X+o.W && o.X < g.X+g.W && g.Y < o.Y+o.H && o.Y < g.Y+g.H {
				rep.addf(field+": gridPos", "overlaps panel %d %q", q.ID, q.Title)
			}
		}
	}
}
