package dashboards

import "fmt"

// The units that the platform's dashboards use.
const (
	seconds = "s"
	count   = "short"
	share   = "percentunit"
	rate    = "reqps"
	bytes_  = "bytes"
)

// The sizes, as the platform's dashboards have them.
func small() grid { return grid{H: 4, W: 6} }
func half() grid  { return grid{H: 8, W: 12} }
func whole() grid { return grid{H: 8, W: width} }

// level is a value from which on a colour holds.
type level struct {
	colour string
	from   float64
}

// levels begin with the colour of everything below the first of them.
func levels(lowest string, above ...level) *thresholds {
	t := &thresholds{Mode: "absolute", Steps: []thresholdStep{{Color: lowest}}}
	for _, l := range above {
		t.Steps = append(t.Steps, thresholdStep{Color: l.colour, Value: &l.from})
	}
	return t
}

// The colours. What is not measured has none of them.
const (
	good = "green"
	odd  = "yellow"
	bad  = "red"
	calm = "blue"
	dim  = "text"
)

// q is one expression with the name of its series in the legend.
type q struct{ expr, legend string }

func targets(queries []q, change func(*target)) []target {
	var all []target
	for i, query := range queries {
		t := target{RefID: string(rune('A' + i)), Expr: query.expr, LegendFormat: query.legend}
		change(&t)
		all = append(all, t)
	}
	return all
}

// stat is one number now. Nothing measured is shown as no data, never as a good value.
func stat(title, description, unit string, colours *thresholds, queries ...q) panel {
	return panel{
		Type: "stat", Title: title, Description: description, Datasource: prometheus(), GridPos: small(),
		FieldConfig: &fieldConfig{Defaults: defaults{Unit: unit, Color: map[string]any{"mode": "thresholds"}, Thresholds: colours}, Overrides: []override{}},
		Options: map[string]any{
			"colorMode": "background", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
			"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
		},
		Targets: targets(queries, func(t *target) { t.Instant = true }),
	}
}

// lines is values over time.
func lines(title, description, unit string, queries ...q) panel {
	zero := 0.0
	return panel{
		Type: "timeseries", Title: title, Description: description, Datasource: prometheus(), GridPos: half(),
		FieldConfig: &fieldConfig{
			Defaults: defaults{Unit: unit, Min: &zero, Color: map[string]any{"mode": "palette-classic"}, Custom: map[string]any{
				"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 0, "showPoints": "auto", "spanNulls": false,
			}},
			Overrides: []override{},
		},
		Options: map[string]any{
			"legend":  map[string]any{"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": []string{"lastNotNull", "max"}},
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
		},
		Targets: targets(queries, func(t *target) { t.Range = true }),
	}
}

// bars is values over time on top of each other.
func bars(title, description, unit string, queries ...q) panel {
	p := lines(title, description, unit, queries...)
	p.custom("drawStyle", "bars")
	p.custom("fillOpacity", 80)
	p.custom("stacking", map[string]any{"mode": "normal", "group": "A"})
	p.Options["legend"].(map[string]any)["calcs"] = []string{"max"} // no sum: steps of increase() overlap
	return p
}

// layers is a whole made of parts, as areas.
func layers(title, description, unit string, queries ...q) panel {
	p := bars(title, description, unit, queries...)
	p.custom("drawStyle", "line")
	p.Options["legend"].(map[string]any)["calcs"] = []string{"mean", "lastNotNull"}
	return p
}

func (p *panel) custom(name string, value any) { p.FieldConfig.Defaults.Custom[name] = value }

// limits draws the levels as lines.
func (p panel) limits(t *thresholds) panel {
	p.FieldConfig.Defaults.Thresholds = t
	p.custom("thresholdsStyle", map[string]any{"mode": "dashed"})
	return p
}

// rare is for what the least frequent probes do: every few minutes. A shorter step would
// have gaps, where nothing is wrong.
func (p panel) rare() panel {
	p.Interval = "5m"
	return p
}

// withExemplars shows single runs as points that lead to their traces.
func (p panel) withExemplars() panel {
	for i := range p.Targets {
		p.Targets[i].Exemplar = true
	}
	return p
}

// free lets values go below zero.
func (p panel) free() panel {
	p.FieldConfig.Defaults.Min = nil
	return p
}

// heat is a distribution over time, with single runs as points that lead to their
// traces. The expression has the label le.
func heat(title, description string, expr string) panel {
	return panel{
		Type: "heatmap", Title: title, Description: description, Datasource: prometheus(), GridPos: half(),
		FieldConfig: &fieldConfig{Defaults: defaults{Unit: seconds, Custom: map[string]any{"hideFrom": map[string]any{"legend": false, "tooltip": false, "viz": false}}}, Overrides: []override{}},
		Options: map[string]any{
			"calculate": false, "cellGap": 1,
			"cellValues":   map[string]any{"unit": count},
			"color":        map[string]any{"mode": "scheme", "scheme": "Oranges", "exponent": 0.5, "steps": 64, "reverse": false},
			"exemplars":    map[string]any{"color": "rgba(50,116,217,0.9)"},
			"filterValues": map[string]any{"le": 1e-9},
			"legend":       map[string]any{"show": true},
			"rowsFrame":    map[string]any{"layout": "auto"},
			"tooltip":      map[string]any{"show": true, "yHistogram": true},
			"yAxis":        map[string]any{"axisPlacement": "left", "reverse": false, "unit": seconds},
		},
		Targets: targets([]q{{expr, "{{le}}"}}, func(t *target) { t.Format, t.Range, t.Exemplar = "heatmap", true, true }),
	}
}

// timeline is a state over time, a line for each series.
func timeline(title, description string, colours *thresholds, queries ...q) panel {
	return panel{
		Type: "state-timeline", Title: title, Description: description, Datasource: prometheus(), GridPos: whole(),
		FieldConfig: &fieldConfig{
			Defaults: defaults{Unit: count, Color: map[string]any{"mode": "thresholds"}, Thresholds: colours,
				Custom: map[string]any{"fillOpacity": 80, "lineWidth": 0, "spanNulls": false}},
			Overrides: []override{},
		},
		Options: map[string]any{
			"alignValue": "left", "mergeValues": true, "rowHeight": 0.9, "showValue": "never",
			"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": false},
			"tooltip": map[string]any{"mode": "single", "sort": "none"},
		},
		Targets: targets(queries, func(t *target) { t.Range = true }),
	}
}

// column is one value of every row of a table.
type column struct {
	title, unit, expr string
	colours           *thresholds
}

// table has a row for each value of a label. It is sorted by its first column.
func table(title, description, by string, columns ...column) panel {
	var queries []q
	shown := map[string]any{by: by}
	order := map[string]any{by: 0}
	hidden := map[string]any{"Time": true}
	overrides := []override{}
	for i, c := range columns {
		name := "Value #" + string(rune('A'+i))
		queries = append(queries, q{c.expr, ""})
		shown[name], order[name] = c.title, i+1
		o := override{Matcher: matcher{ID: "byName", Options: c.title}, Properties: []property{{ID: "unit", Value: c.unit}}}
		if c.colours != nil {
			o.Properties = append(o.Properties, property{ID: "thresholds", Value: c.colours},
				property{ID: "custom.cellOptions", Value: map[string]any{"type": "color-background", "mode": "basic"}})
		}
		overrides = append(overrides, o)
	}
	return panel{
		Type: "table", Title: title, Description: description, Datasource: prometheus(), GridPos: whole(),
		FieldConfig: &fieldConfig{Defaults: defaults{Unit: count, Color: map[string]any{"mode": "thresholds"}, Thresholds: levels(dim), Custom: map[string]any{"align": "auto", "inspect": false}}, Overrides: overrides},
		Options:     map[string]any{"cellHeight": "sm", "showHeader": true, "sortBy": []map[string]any{{"displayName": columns[0].title, "desc": true}}},
		Targets:     targets(queries, func(t *target) { t.Format, t.Instant = "table", true }),
		Transformations: []transformation{
			{ID: "merge", Options: map[string]any{}},
			{ID: "organize", Options: map[string]any{"excludeByName": hidden, "indexByName": order, "renameByName": shown}},
		},
	}
}

// quantiles are the three that every latency is shown with.
func quantiles(legend, buckets string) []q {
	var all []q
	for _, p := range []int{50, 95, 99} {
		all = append(all, q{fmt.Sprintf("histogram_quantile(0.%d, %s)", p, buckets), fmt.Sprintf("p%d%s", p, legend)})
	}
	return all
}
