package metrics

import "slices"

// Prefix begins the name of every metric of the prober's own.
const Prefix = "dt_synthetic_"

// Type of a metric.
type Type string

// The types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram" // classic, never native: what a server understands does not change with its settings
)

// Description is the catalogue's entry of one metric.
type Description struct {
	Name   string // with the prefix
	Type   Type
	Labels []string // in the order of the catalogue; each has a closed set of values
	Unit   string   // seconds, ratio, or a counted thing
	Help   string   // the HELP line of the exposition
	Usage  string   // a PromQL expression that answers a question
}

// Catalogue lists every metric of the prober's own. The Go runtime's and the
// process's (go_*, process_*) are the client library's and not in it.
func Catalogue() []Description {
	all := slices.Concat(runFamilies(), mediaFamilies(), scheduleFamilies(), objectiveFamilies(), selfFamilies())
	for i := range all {
		all[i].Name = Prefix + all[i].Name
	}
	return all
}

// The label names, all of them.
const (
	labelProbe      = "probe"
	labelFlow       = "flow"
	labelStep       = "step"
	labelPhase      = "phase"
	labelHop        = "hop"
	labelReason     = "reason"
	labelOutcome    = "outcome"
	labelTrigger    = "trigger"
	labelDisconnect = "disconnect"
	labelResult     = "result"
	labelCause      = "cause"
	labelWindow     = "window"
	labelSLO        = "slo"
	labelService    = "service"
	labelRole       = "role"
	labelQueue      = "queue"
	labelVersion    = "version"
	labelRevision   = "revision"
	labelGoVersion  = "goversion"
)

func labels(names ...string) []string { return names }
