package main

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
)

// dashboardsPattern is where the dashboards are.
const dashboardsPattern = "deploy/grafana/*.json"

// dashboard is what is looked at of Grafana's classic model.
type dashboard struct {
	ID            *int   `json:"id"`
	UID           string `json:"uid"`
	Title         string `json:"title"`
	Description   string `json:"description"`
	Editable      bool   `json:"editable"`
	SchemaVersion int    `json:"schemaVersion"`
	GraphTooltip  int    `json:"graphTooltip"`
	Refresh       string `json:"refresh"`
	Time          struct{ From, To string }
	Tags          []string `json:"tags"`
	Templating    struct{ List []variable }
	Panels        []panel         `json:"panels"`
	Alert         json.RawMessage `json:"alert"`
}

type source struct{ Type, UID string }

type variable struct {
	Name, Type string
	Query      json.RawMessage
	Definition string
	AllValue   string
	IncludeAll bool
	Refresh    int
	Datasource *source
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Datasource  *source
	GridPos     struct{ H, W, X, Y int }
	Panels      []panel
	Repeat      string
	Interval    string
	Options     struct{ Legend struct{ Calcs []string } }
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Thresholds struct{ Mode string }
			Custom     struct{ ScaleDistribution struct{ Type string } }
		}
		Overrides []struct {
			Properties []struct {
				ID    string
				Value json.RawMessage
			}
		}
	}
	Targets []struct {
		RefID, Expr, Format string
		Datasource          *source
	}
	Alert json.RawMessage
}

// units are those that the platform's dashboards use.
var units = []string{"s", "short", "percentunit", "reqps", "bytes", "Bps"}

// checkDashboard holds one dashboard against the platform's conventions.
func checkDashboard(r repository, c catalogue, file string) []Finding {
	rep := &report{file: file}
	content, err := r.read(file)
	if err != nil {
		rep.addf("", "%v", err)
		return rep.findings
	}
	var d dashboard
	if err := json.Unmarshal(content, &d); err != nil {
		rep.addf("", "%v", err)
		return rep.findings
	}
	longest, err := leastFrequent(r)
	if err != nil {
		rep.addf("", "%v", err)
		return rep.findings
	}
	head(rep, file, d)
	vars := templating(rep, c, d)
	used := make(map[string]bool)
	for _, p := range flat(d.Panels) {
		checkPanel(rep, c, d.UID, p, vars, used)
		onAGoodDay(rep, longest, p)
	}
	for _, name := range sortedKeys(vars) {
		if !used[name] {
			rep.addf("templating", "variable %s is used nowhere", name)
		}
	}
	layout(rep, flat(d.Panels))
	return rep.findings
}

func head(rep *report, file string, d dashboard) {
	name := strings.TrimSuffix(path.Base(file), ".json")
	for _, x := range []struct {
		wrong bool
		field string
		what  string
	}{
		{d.UID != name, "uid", "must be the file's name"},
		{d.ID != nil, "id", "must be null: Grafana gives it"},
		{!strings.HasPrefix(name, "synthetic-"), "", "a dashboard's file begins with synthetic-"},
		{d.Title == "" || d.Description == "", "title", "title and description must say what it is for"},
		{d.Editable, "editable", "must be false: changes in Grafana are lost"},
		{d.SchemaVersion != 39, "schemaVersion", "must be 39"},
		{d.GraphTooltip != 1, "graphTooltip", "must be 1: a shared crosshair"},
		{d.Refresh != "10s", "refresh", "must be 10s"},
		{d.Time.From != "now-1h" || d.Time.To != "now", "time", "must be the last hour"},
		{len(d.Panels) == 0, "panels", "there are none"},
	} {
		if x.wrong {
			rep.addf(x.field, "%s", x.what)
		}
	}
}

// flat lists all panels, with those inside of closed rows.
func flat(panels []panel) []panel {
	var all []panel
	for _, p := range panels {
		all = append(append(all, p), flat(p.Panels)...)
	}
	return all
}

const datasource = "datasource"

var asksForValues = regexp.MustCompile(`^label_values\((.+), ?([a-z_]+)\)$`)

// templating returns the variables there are, and wants the data source to be one.
func templating(rep *report, c catalogue, d dashboard) map[string]bool {
	vars := make(map[string]bool)
	for _, v := range d.Templating.List {
		field := "templating." + v.Name
		vars[v.Name] = true
		if v.Type == datasource {
			if string(v.Query) != `"prometheus"` || v.Name != datasource {
				rep.addf(field, "must be named datasource, of prometheus")
			}
			continue
		}
		if v.Datasource == nil || v.Datasource.UID != "${datasource}" {
			rep.addf(field, "must ask ${datasource}")
		}
		if v.Refresh != 2 || !v.IncludeAll || v.AllValue == "" {
			rep.addf(field, "must be refreshed with the time range, and have an allValue")
		}
		ask := asksForValues.FindStringSubmatch(v.Definition)
		if ask == nil {
			rep.addf(field, "%q is no label_values(SERIES, LABEL)", v.Definition)
			continue
		}
		known, ok := c[ask[1]]
		if !ok {
			rep.addf(field, "there is no series %s%s", ask[1], c.didYouMean(ask[1]))
		} else if known.labels != nil && !slices.Contains(known.labels, ask[2]) {
			rep.addf(field, "%s has no label %s", ask[1], ask[2])
		}
	}
	if !vars[datasource] {
		rep.addf("templating", "there is no variable datasource")
	}
	return vars
}
