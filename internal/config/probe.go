package config

import (
	"github.com/dark-tower/prober/flows"
)

// Probe is a flow with its lanes, its schedule, its parameters and its objectives.
type Probe struct {
	// Name of the probe: a-z, 0-9 and hyphens.
	Name string `yaml:"name" jsonschema:"required"`
	// Flow is what people do.
	Flow flows.Flow `yaml:"flow" jsonschema:"required,enum=join,enum=media,enum=reconnect,enum=sign_in"`
	// Lanes that runs take turns on.
	Lanes []string `yaml:"lanes" jsonschema:"required,minItems=1,maxItems=32"`
	// Interval between the starts of two scheduled runs. Flow sign_in has it for each account of its lanes, spread evenly: four accounts and 10m are a run every 2m30s.
	Interval Duration `yaml:"interval" jsonschema:"required" range:"1s..1d"`
	// Timeout after which a run is over, whatever it is doing.
	Timeout Duration `yaml:"timeout" jsonschema:"required" range:"1s..10m"`
	// Informational runs are shown and counted, and never judged: no objective of theirs pages or gates.
	Informational bool `yaml:"informational,omitempty" jsonschema:"default=false"`
	// Paused probes keep their lanes and their series, and are not run on schedule.
	Paused bool `yaml:"paused,omitempty" jsonschema:"default=false"`
	// Join has the parameters of flow join.
	Join *Join `yaml:"join,omitempty"`
	// Media has the parameters of flow media.
	Media *Media `yaml:"media,omitempty"`
	// Reconnect has the parameters of flow reconnect.
	Reconnect *Reconnect `yaml:"reconnect,omitempty"`
	// Objectives that the probe's runs are held to.
	Objectives []Objective `yaml:"objectives,omitempty" jsonschema:"maxItems=16"`
}

// Anchor is how the first person of a join run is there.
type Anchor string

// The anchors.
const (
	Transient Anchor = "transient" // joins before each run and leaves after it: the full assignment path
	Resident  Anchor = "resident"  // stays between runs: the cheap path that later joiners take
)

// Join has the parameters of flow join.
type Join struct {
	// Anchor is how the first person is there: transient joins the empty meeting in every run, resident stays.
	Anchor Anchor `yaml:"anchor" jsonschema:"enum=transient,enum=resident,default=transient"`
}

// Media has the parameters of flow media.
type Media struct {
	// Duration of the talk.
	Duration Duration `yaml:"duration" jsonschema:"default=10s" range:"1s..5m"`
	// Participants that talk and hear each other.
	Participants int `yaml:"participants" jsonschema:"default=2,minimum=2,maximum=16"`
	// Settle is how long frames are still waited for after the talk; only then is one lost.
	Settle Duration `yaml:"settle" jsonschema:"default=1s" range:"100ms..30s"`
}

// Reconnect has the parameters of flow reconnect.
type Reconnect struct {
	// Disconnect is how the connection is lost: clean (connections closed), abrupt (sockets go dark), handler (only the media handler that carries the inbound media), migrate (all addresses change).
	Disconnect flows.Disconnect `yaml:"disconnect" jsonschema:"required,enum=clean,enum=abrupt,enum=handler,enum=migrate"`
	// Steady is how long both hear each other before the cut.
	Steady Duration `yaml:"steady" jsonschema:"default=500ms" range:"0s..1m"`
	// Detect delays the redial after the cut, as a client that has to notice first.
	Detect Duration `yaml:"detect" jsonschema:"default=0s" range:"0s..1m"`
	// Restore is how long after the cut both must hear each other again; later is a failure.
	Restore Duration `yaml:"restore" jsonschema:"default=20s" range:"1s..2m"`
}

// Role is what happens when an objective is missed.
type Role string

// The roles.
const (
	Page   Role = "page"   // somebody is woken
	Warn   Role = "warn"   // a ticket
	Inform Role = "inform" // shown on a dashboard
)

// SLI names what an objective is about: a whole run (availability, duration,
// time_to_media, time_to_restore, trace_continuity), one service's share in it
// (ac_availability and so on), its media (one_way_latency, relay_share,
// delivery_ratio, jitter, longest_silence), or the duration of one of its steps, by
// the step's name.
type SLI string

// The SLIs that are not steps.
const (
	Availability    SLI = "availability"     // share of runs that succeed
	RunDuration     SLI = "duration"         // share of runs that take no longer than the threshold
	ACAvailability  SLI = "ac_availability"  // share of runs that asked AC and did not fail there
	GCAvailability  SLI = "gc_availability"  // share of runs that asked GC and did not fail there
	MCAvailability  SLI = "mc_availability"  // share of runs that dialed MC and did not fail there
	MHAvailability  SLI = "mh_availability"  // share of runs that dialed a media handler and did not fail there
	TraceContinuity SLI = "trace_continuity" // share of traced answers that do not break the trace
	TimeToMedia     SLI = "time_to_media"    // share of joins with media within the threshold
	TimeToRestore   SLI = "time_to_restore"  // share of reconnects restored within the threshold
	OneWayLatency   SLI = "one_way_latency"  // share of frames that arrive within the threshold
	RelayShare      SLI = "relay_share"      // share of ordered pairs whose median latency, less both round trips, is within the threshold
	DeliveryRatio   SLI = "delivery_ratio"   // share of frames that arrive
	Jitter          SLI = "jitter"           // share of runs whose jitter is within the threshold
	LongestSilence  SLI = "longest_silence"  // share of runs whose longest silence is within the threshold
)

// Objective is an SLI with a target and a window, and so an error budget.
type Objective struct {
	// Name of the objective, which is the label of its series: a-z, 0-9 and hyphens, unique in the file. Without it <probe>-<sli>, and -<threshold> besides where the probe has the SLI twice.
	Name string `yaml:"name,omitempty"`
	// SLI is what is measured: availability, ac_availability, gc_availability, mc_availability, mh_availability, duration, trace_continuity, time_to_media, time_to_restore, one_way_latency, relay_share, delivery_ratio, jitter, longest_silence, or the name of one of the flow's steps for its duration.
	SLI SLI `yaml:"sli" jsonschema:"required"`
	// Target is the share of events that must be good, such as 99.5%.
	Target Ratio `yaml:"target" jsonschema:"required"`
	// Window over which the target holds.
	Window Duration `yaml:"window" jsonschema:"default=30d" range:"1h..90d"`
	// Threshold up to which a duration is good. Required for every SLI that is a duration.
	Threshold Duration `yaml:"threshold,omitempty" range:"1ms..10m"`
	// Role is what happens when the budget burns: page, warn or inform.
	Role Role `yaml:"role" jsonschema:"enum=page,enum=warn,enum=inform,default=inform"`
	// Gate is whether and how a one-shot check judges this objective: yes judges it as is usual for its target; without it, or with no, the check does not.
	Gate *Gate `yaml:"gate,omitempty"`
	// AllowCoarse accepts an objective of which a single bad event takes more than a tenth of the budget.
	AllowCoarse bool `yaml:"allow_coarse,omitempty" jsonschema:"default=false"`
}

// Gate is how a one-shot check judges an objective.
type Gate struct {
	// Prove is what a pass must prove; lower than the target, as a few minutes cannot prove it. Without it the highest of 95, 90, 85, 80, 75, 70, 60 and 50 % that a platform exactly at its target is still shown to be good for in four of five checks.
	Prove Ratio `yaml:"prove,omitempty"`
	// Runs of the check, 1 to 10000.
	Runs int `yaml:"runs" jsonschema:"default=61,minimum=1,maximum=10000"`
	// Confidence of the verdict.
	Confidence Ratio `yaml:"confidence" jsonschema:"default=95%"`

	off bool // it was said that there is none
}
