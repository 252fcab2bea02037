// Package dashboards writes the Grafana dashboards: what the platform's people look at
// to see whether meetings work.
//
// It knows Grafana's classic model, the platform's conventions for dashboards and the
// vocabulary of flows. It queries nothing; whether a series exists is checked where
// the files are.
package dashboards

// The JSON of a dashboard, as far as it is used here. Fields are in the order in which
// Grafana itself writes them.

type dashboard struct {
	Annotations   annotations `json:"annotations"`
	Description   string      `json:"description"`
	Editable      bool        `json:"editable"`
	GraphTooltip  int         `json:"graphTooltip"` // 1: the crosshair is shared
	ID            *int        `json:"id"`
	Links         []link      `json:"links"`
	Panels        []panel     `json:"panels"`
	Refresh       string      `json:"refresh"`
	SchemaVersion int         `json:"schemaVersion"`
	Tags          []string    `json:"tags"`
	Templating    templating  `json:"templating"`
	Time          timeRange   `json:"time"`
	Timezone      string      `json:"timezone"`
	Title         string      `json:"title"`
	UID           string      `json:"uid"`
	Version       int         `json:"version"`
}

type annotations struct {
	List []struct{} `json:"list"`
}

type templating struct {
	List []variable `json:"list"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
}

type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// prometheus is whichever data source the viewer has chosen.
func prometheus() *source { return &source{Type: "prometheus", UID: "${datasource}"} }

type variable struct {
	Name        string   `json:"name"`
	Label       string   `json:"label"`
	Description string   `json:"description,omitempty"`
	Type        string   `json:"type"` // datasource or query
	Datasource  *source  `json:"datasource,omitempty"`
	Query       any      `json:"query"`
	Definition  string   `json:"definition,omitempty"`
	Refresh     int      `json:"refresh,omitempty"` // 2: when the time range changes
	Sort        int      `json:"sort,omitempty"`
	Multi       bool     `json:"multi"`
	IncludeAll  bool     `json:"includeAll"`
	AllValue    string   `json:"allValue,omitempty"`
	Current     *current `json:"current,omitempty"`
}

type current struct {
	Selected bool `json:"selected"`
	Text     any  `json:"text"`
	Value    any  `json:"value"`
}

type query struct {
	Query string `json:"query"`
	RefID string `json:"refId"`
}

type panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description,omitempty"`
	Datasource      *source          `json:"datasource,omitempty"`
	GridPos         grid             `json:"gridPos"`
	Collapsed       *bool            `json:"collapsed,omitempty"`
	Panels          *[]panel         `json:"panels,omitempty"`
	Repeat          string           `json:"repeat,omitempty"`
	Interval        string           `json:"interval,omitempty"` // the least step
	FieldConfig     *fieldConfig     `json:"fieldConfig,omitempty"`
	Options         map[string]any   `json:"options,omitempty"`
	Targets         []target         `json:"targets,omitempty"`
	Transformations []transformation `json:"transformations,omitempty"`
}

type grid struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type fieldConfig struct {
	Defaults  defaults   `json:"defaults"`
	Overrides []override `json:"overrides"`
}

type defaults struct {
	Unit       string         `json:"unit"`
	Decimals   *int           `json:"decimals,omitempty"`
	Min        *float64       `json:"min,omitempty"`
	Max        *float64       `json:"max,omitempty"`
	Color      map[string]any `json:"color,omitempty"`
	Custom     map[string]any `json:"custom,omitempty"`
	Mappings   []mapping      `json:"mappings,omitempty"`
	Thresholds *thresholds    `json:"thresholds,omitempty"`
}

type thresholds struct {
	Mode  string          `json:"mode"`
	Steps []thresholdStep `json:"steps"`
}

type thresholdStep struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"` // nil: from the beginning
}

type mapping struct {
	Type    string         `json:"type"`
	Options map[string]any `json:"options"`
}

type override struct {
	Matcher    matcher    `json:"matcher"`
	Properties []property `json:"properties"`
}

type matcher struct {
	ID      string `json:"id"`
	Options string `json:"options"`
}

type property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

type target struct {
	RefID        string `json:"refId"`
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
	Format       string `json:"format,omitempty"` // heatmap or table
	Instant      bool   `json:"instant,omitempty"`
	Range        bool   `json:"range,omitempty"`
	Exemplar     bool   `json:"exemplar,omitempty"`
}

type transformation struct {
	ID      string         `json:"id"`
	Options map[string]any `json:"options"`
}
