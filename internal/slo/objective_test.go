package slo

import (
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/config"
)

func shipped(t *testing.T) []Objective {
	t.Helper()
	cfg, err := config.Load("../../probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return Objectives(cfg)
}

func TestTheShippedObjectives(t *testing.T) {
	seen := make(map[string]Objective)
	for _, o := range shipped(t) {
		if _, twice := seen[o.Name]; twice {
			t.Errorf("%s comes twice", o.Name)
		}
		seen[o.Name] = o
		if o.Interval <= 0 || o.Window != 30*day || o.Service == "" || o.EventsPerRun <= 0 {
			t.Errorf("%+v", o)
		}
	}
	for name, want := range map[string]struct {
		service  string
		target   float64
		interval time.Duration
		allowed  float64
	}{
		"join-availability":               {Platform, 0.999, 15 * time.Second, 172.8},
		"gc-availability":                 {"gc-service", 0.999, 15 * time.Second, 172.8},
		"gc-join-latency":                 {"gc-service", 0.99, 15 * time.Second, 1728},
		"mc-signaling":                    {"mc-service", 0.99, 15 * time.Second, 1728},
		"media-latency":                   {Platform, 0.99, 30 * ms, 864_000},
		"media-delivery":                  {"mh-service", 0.995, 30 * ms, 432_000},
		"mh-routing":                      {"mh-service", 0.99, 15 * time.Second, 1728},
		"reconnect-clean-availability":    {Platform, 0.99, time.Minute, 432},
		"token-issuance":                  {"ac-service", 0.99, 150 * time.Second, 172.8},
		"reconnect-clean-time-to-restore": {Platform, 0.95, time.Minute, 2160},
	} {
		o, ok := seen[name]
		if !ok {
			t.Errorf("there is no objective %s", name)
			continue
		}
		allowed, known := o.Allowed()
		if o.Service != want.service || o.Target != want.target || o.Interval != want.interval || !known || allowed < want.allowed-0.001 || allowed > want.allowed+0.001 {
			t.Errorf("%s is of %s, %v every %v, allows %v", name, o.Service, o.Target, o.Interval, allowed)
		}
	}
	if o := seen["reconnect-abrupt-time-to-restore"]; !o.Informational {
		t.Errorf("%+v decides something", o)
	}
}

func TestEverySLIIsSomebodys(t *testing.T) {
	services := map[string]bool{"ac-service": true, "gc-service": true, "mc-service": true, "mh-service": true, Platform: true}
	for _, sli := range config.SLIs() {
		if s := serviceOf(sli); !services[s] {
			t.Errorf("%s is of %s", sli, s)
		}
	}
}

func TestTheShippedGatesAreSaneTogether(t *testing.T) {
	gating := Gating(shipped(t))
	if len(gating) == 0 {
		t.Fatal("nothing gates")
	}
	fails := 0.0
	for _, o := range gating {
		p, err := o.GatePlan(len(gating))
		if err != nil {
			t.Fatal(err)
		}
		if !o.Blocks() {
			fails += p.FalseFail()
			if p.PassAt(0.9999) < 0.99 {
				t.Errorf("a healthy platform passes %s with %v only", o.Name, p.PassAt(0.9999))
			}
		}
		if p.WrongPass() > 0.05 {
			t.Errorf("%s passes wrongly with %v", o.Name, p.WrongPass())
		}
	}
	if fails > 0.025 {
		t.Errorf("together they fail wrongly with %v", fails)
	}
}
