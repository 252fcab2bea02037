package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/dark-tower/prober/flows"
)

// FormatVersion is the version of the JSON document. It grows when a field
// changes its meaning or goes; new fields do not change it.
const FormatVersion = 1

// Document is a set of runs as JSON. Durations are seconds, times RFC 3339.
type Document struct {
	FormatVersion int     `json:"format_version"`
	ExitCode      int     `json:"exit_code"`
	Gate          *gateOf `json:"gate,omitempty"`
	Runs          []runOf `json:"runs"`
}

type runOf struct {
	ID                 string         `json:"id"`
	Probe              string         `json:"probe"`
	Flow               flows.Flow     `json:"flow"`
	Lane               string         `json:"lane,omitempty"`
	Trigger            flows.Trigger  `json:"trigger"`
	Informational      bool           `json:"informational,omitempty"`
	TraceID            string         `json:"trace_id,omitempty"`
	Started            time.Time      `json:"started"`
	Seconds            float64        `json:"duration_seconds"`
	Outcome            flows.Outcome  `json:"outcome"`
	Failure            *failureOf     `json:"failure,omitempty"`
	Cold               bool           `json:"cold_connections"`
	TimeToMediaSeconds *float64       `json:"time_to_media_seconds,omitempty"`
	Restoration        *restorationOf `json:"restoration,omitempty"`
	Steps              []stepOf       `json:"steps"`
	Media              []pairOf       `json:"media,omitempty"`
	Connections        []connectionOf `json:"connections,omitempty"`
	Traces             []continuityOf `json:"trace_continuity,omitempty"`
	Signaling          *transcriptOf  `json:"signaling,omitempty"`
	Self               selfOf         `json:"prober"`
	CleanLeaves        int            `json:"clean_leaves"`
	UncleanLeaves      int            `json:"unclean_leaves"`
}

type failureOf struct {
	Step   flows.Step   `json:"step,omitempty"`
	Actor  string       `json:"actor,omitempty"`
	After  bool         `json:"after_cut,omitempty"`
	Hop    flows.Hop    `json:"hop"`
	Reason flows.Reason `json:"reason"`
	Cause  flows.Cause  `json:"cause,omitempty"`
	Detail string       `json:"detail"`
}

type stepOf struct {
	Step     flows.Step         `json:"step"`
	Hop      flows.Hop          `json:"hop"`
	Actor    string             `json:"actor"`
	Measured bool               `json:"measured"`
	After    bool               `json:"after_cut,omitempty"`
	Started  time.Time          `json:"started"`
	Seconds  float64            `json:"duration_seconds"`
	Phases   map[string]float64 `json:"phases_seconds,omitempty"`
	Failure  *failureOf         `json:"failure,omitempty"`
}

type distributionOf struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P95   float64 `json:"p95_seconds"`
	P99   float64 `json:"p99_seconds"`
	Max   float64 `json:"max_seconds"`
}

type pairOf struct {
	From             string          `json:"from"`
	To               string          `json:"to"`
	Sent             int             `json:"sent"`
	Delivered        int             `json:"delivered"`
	Late             int             `json:"late"`
	Duplicate        int             `json:"duplicate"`
	Reordered        int             `json:"reordered"`
	LostSender       int             `json:"lost_sender"`
	LostUplink       int             `json:"lost_uplink"`
	LostDownlink     int             `json:"lost_downlink"`
	LostUnattributed int             `json:"lost_unattributed"`
	LostAt           []handlerLossOf `json:"lost_by_handler,omitempty"`
	Refused          int             `json:"refused"`
	RefusedBy        map[string]int  `json:"refused_by_reason,omitempty"`
	Muted            int             `json:"sent_while_muted,omitempty"`
	MissedDue        int             `json:"due_times_missed_by_prober,omitempty"`
	DeliveryRatio    *float64        `json:"delivery_ratio,omitempty"`
	Latency          *distributionOf `json:"latency,omitempty"`
	Tainted          int             `json:"tainted_samples"`
	SendLateness     *distributionOf `json:"send_lateness,omitempty"`
	LeaveLateness    *distributionOf `json:"leave_lateness,omitempty"`
	ReadLateness     *distributionOf `json:"read_lateness,omitempty"`
	Jitter           float64         `json:"jitter_seconds"`
	LongestSilence   float64         `json:"longest_silence_seconds"`
	RelayShare       *float64        `json:"relay_share_seconds,omitempty"`
}

// handlerLossOf is a part of the losses of both legs, by handler.
type handlerLossOf struct {
	Handler  int `json:"handler"`
	Uplink   int `json:"lost_uplink"`
	Downlink int `json:"lost_downlink"`
}

type restorationOf struct {
	Disconnect      flows.Disconnect `json:"disconnect"`
	Restored        bool             `json:"restored"`
	Resumed         bool             `json:"identity_resumed"`
	TimeToRestore   *float64         `json:"time_to_restore_seconds,omitempty"`
	ReturnerSilence *float64         `json:"returner_silence_seconds,omitempty"`
	StayerSilence   *float64         `json:"stayer_silence_seconds,omitempty"`
}

type continuityOf struct {
	Hop    flows.Hop `json:"hop"`
	Result string    `json:"result"`
}

type selfOf struct {
	MaxLag           float64       `json:"max_lag_seconds"`
	TaintedFrames    int           `json:"tainted_frames"`
	DroppedDatagrams int           `json:"dropped_datagrams"`
	DroppedRecords   int           `json:"dropped_records"`
	Slept            float64       `json:"slept_seconds,omitempty"`
	ClockSet         float64       `json:"clock_set_by_seconds,omitempty"`
	Taints           []flows.Cause `json:"taints,omitempty"`
}

// JSON writes runs as one indented document. The exit code is the process's own:
// ExitCode of the runs, or that of an interruption.
func JSON(w io.Writer, runs []flows.Run, j *Judgement, exitCode int) error {
	doc := Document{FormatVersion: FormatVersion, ExitCode: exitCode, Gate: jsonGate(j), Runs: []runOf{}}
	for _, r := range runs {
		doc.Runs = append(doc.Runs, jsonRun(r))
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

func jsonRun(r flows.Run) runOf {
	out := runOf{
		ID: r.ID, Probe: r.Probe, Flow: r.Flow, Lane: r.Lane, Trigger: r.Trigger, Informational: r.Informational, TraceID: r.TraceID, Started: r.Started,
		Seconds: r.Duration.Seconds(), Outcome: r.Outcome, Failure: jsonFailure(r.Failure), Cold: r.Cold,
		Steps: []stepOf{}, CleanLeaves: r.Leaves.Clean, UncleanLeaves: r.Leaves.Unclean,
		Self: selfOf{MaxLag: r.Self.MaxLag.Seconds(), TaintedFrames: r.Self.TaintedFrames,
			DroppedDatagrams: r.Self.DroppedDatagrams, DroppedRecords: r.Self.DroppedRecords, Taints: r.Self.Taints,
			Slept: r.Self.Slept.Seconds(), ClockSet: r.Self.ClockSet.Seconds()},
		Signaling: jsonTranscript(r.Transcript),
	}
	if r.TimeToMedia != nil {
		out.TimeToMediaSeconds = new(r.TimeToMedia.Seconds())
	}
	for _, s := range r.Steps {
		step := stepOf{Step: s.Step, Hop: s.Step.Owner(), Actor: s.Actor, Measured: s.Measured, After: s.After,
			Started: s.Started, Seconds: s.Duration.Seconds(), Failure: jsonFailure(s.Failure)}
		for _, p := range s.Phases {
			if step.Phases == nil {
				step.Phases = make(map[string]float64)
			}
			step.Phases[p.Name] += p.Duration.Seconds()
		}
		out.Steps = append(out.Steps, step)
	}
	for _, p := range r.Pairs {
		out.Media = append(out.Media, jsonPair(p))
	}
	for _, c := range r.Connections {
		out.Connections = append(out.Connections, jsonConnection(c))
	}
	for _, c := range r.Continuity {
		out.Traces = append(out.Traces, continuityOf{c.Hop, c.Result})
	}
	if x := r.Restoration; x != nil {
		out.Restoration = &restorationOf{Disconnect: x.Disconnect, Restored: x.Restored, Resumed: x.Resumed}
		if x.Restored {
			out.Restoration.TimeToRestore = new(x.TimeToRestore.Seconds())
			out.Restoration.ReturnerSilence = new(x.ReturnerSilence.Seconds())
			out.Restoration.StayerSilence = new(x.StayerSilence.Seconds())
		}
	}
	return out
}

func jsonFailure(f *flows.Failure) *failureOf {
	if f == nil {
		return nil
	}
	return &failureOf{Step: f.Step, Actor: f.Actor, After: f.After, Hop: f.Hop, Reason: f.Reason, Cause: f.Cause, Detail: f.Detail}
}

func jsonPair(p flows.Pair) pairOf {
	out := pairOf{From: p.From, To: p.To, Sent: p.Sent, Delivered: p.Delivered, Late: p.Late, Duplicate: p.Duplicate,
		Reordered: p.Reordered, LostSender: p.LostSender, LostUplink: p.LostUplink, LostDownlink: p.LostDownlink,
		LostUnattributed: p.LostUnattributed, Refused: p.Refused, RefusedBy: p.RefusedBy, Tainted: p.Tainted,
		Muted: p.Muted, MissedDue: p.MissedDue, Latency: jsonDistribution(p.Latency), SendLateness: jsonDistribution(p.SendLateness),
		LeaveLateness: jsonDistribution(p.LeaveLateness), ReadLateness: jsonDistribution(p.ReadLateness),
		Jitter: p.Jitter.Seconds(), LongestSilence: p.LongestSilence.Seconds()}
	for _, l := range p.LostAt {
		out.LostAt = append(out.LostAt, handlerLossOf(l))
	}
	if ratio, ok := p.DeliveryRatio(); ok {
		out.DeliveryRatio = &ratio
	}
	if p.RelayShare != nil {
		out.RelayShare = new(p.RelayShare.Seconds())
	}
	return out
}

func jsonDistribution(d flows.Distribution) *distributionOf {
	if d.Count == 0 {
		return nil
	}
	return &distributionOf{Count: d.Count, P50: d.P50.Seconds(), P95: d.P95.Seconds(), P99: d.P99.Seconds(), Max: d.Max.Seconds()}
}
