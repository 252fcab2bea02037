package collectortest

import (
	"encoding/json"
	"time"
)

// message is an ExportTraceServiceRequest in OTLP/JSON, as far as tests look at it.
type message struct {
	ResourceSpans []struct {
		Resource struct {
			Attributes attributes `json:"attributes"`
		} `json:"resource"`
		ScopeSpans []struct {
			Spans []jsonSpan `json:"spans"`
		} `json:"scopeSpans"`
	} `json:"resourceSpans"`
}

type jsonSpan struct {
	TraceID    string     `json:"traceId"`
	SpanID     string     `json:"spanId"`
	ParentID   string     `json:"parentSpanId"`
	Name       string     `json:"name"`
	Start      int64      `json:"startTimeUnixNano,string"`
	End        int64      `json:"endTimeUnixNano,string"`
	Attributes attributes `json:"attributes"`
	Events     []struct {
		Name       string     `json:"name"`
		Attributes attributes `json:"attributes"`
	} `json:"events"`
	Links []struct {
		TraceID string `json:"traceId"`
	} `json:"links"`
	Status struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"status"`
}

// statusError is STATUS_CODE_ERROR.
const statusError = 2

func (s jsonSpan) span(resource map[string]string) Span {
	out := Span{ID: s.SpanID, Parent: s.ParentID, Name: s.Name, Service: resource["service.name"], Resource: resource,
		Attributes: s.Attributes.all(), Failed: s.Status.Code == statusError, Status: s.Status.Message,
		Start: time.Unix(0, s.Start), End: time.Unix(0, s.End)}
	for _, e := range s.Events {
		out.Events = append(out.Events, Event{e.Name, e.Attributes.all()})
	}
	for _, l := range s.Links {
		out.Links = append(out.Links, l.TraceID)
	}
	return out
}

// attributes are keys with a value of one of several kinds.
type attributes []struct {
	Key   string                     `json:"key"`
	Value map[string]json.RawMessage `json:"value"`
}

// all has every value as text.
func (a attributes) all() map[string]string {
	out := make(map[string]string, len(a))
	for _, x := range a {
		for kind, v := range x.Value {
			text := string(v)
			if kind == "stringValue" || kind == "intValue" { // both are JSON strings
				var s string
				if json.Unmarshal(v, &s) == nil {
					text = s
				}
			}
			out[x.Key] = text
		}
	}
	return out
}
