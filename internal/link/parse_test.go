package link

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestASpecIsRead(t *testing.T) {
	all := Conditions{
		Delay: 40 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.01, Reorder: 0.02, Duplicate: 0.005,
		Rate: 5e6, Queue: 100 * time.Millisecond, BlackHole: true,
	}
	for _, c := range []struct {
		text string
		want Spec
	}{
		{"", Spec{}},
		{"  \t ,\n", Spec{}},
		{"delay=40ms jitter=5ms loss=1% reorder=2% dup=0.5% rate=5mbit queue=100ms blackhole=on", Spec{all, all}},
		{"dup=0.5%,rate=5000kbit, queue=0.1s blackhole=on delay=40ms jitter=5ms loss=1% reorder=2%", Spec{all, all}},
		{"up.delay=40ms", Spec{Up: Conditions{Delay: 40 * time.Millisecond}}},
		{"down.loss=100%", Spec{Down: Conditions{Loss: 1}}},
		{"up.delay=10ms delay=20ms", Spec{Conditions{Delay: 10 * time.Millisecond}, Conditions{Delay: 20 * time.Millisecond}}},
		{"blackhole=on down.blackhole=off", Spec{Up: Conditions{BlackHole: true}}},
		{"rate=64000bit up.rate=0.5gbit", Spec{Conditions{Rate: 5e8}, Conditions{Rate: 64000}}},
		{"jitter=5ms up.delay=5ms down.delay=6ms", Spec{
			Conditions{Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond}, Conditions{Delay: 6 * time.Millisecond, Jitter: 5 * time.Millisecond},
		}},
	} {
		got, err := Parse(c.text)
		if err != nil || got != c.want {
			t.Errorf("%q is read as %+v, %v", c.text, got, err)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%q, written as %q, is read as %+v, %v", c.text, got, again, err)
		}
	}
}

func TestAMistakeInASpecSaysWhatWhereAndHowToMendIt(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"dealy=40ms", `link conditions at column 1: "dealy=40ms": there is no such condition; use one of delay, jitter, loss, reorder, dup, rate, queue, blackhole`},
		{"delay=40ms loss=1", `link conditions at column 12: "loss=1": a share of all packets needs its percent sign; write it like loss=1%`},
		{"loss=x%", `link conditions at column 1: "loss=x%": that is not a number of percent; write it like loss=1.5%`},
		{"loss=101%", `link conditions at column 1: "loss=101%": it is not a share of all packets; give 0% to 100%, like 1.5%`},
		{"dup=NaN%", `link conditions at column 1: "dup=NaN%": it is not a share of all packets; give 0% to 100%, like 1.5%`},
		{"delay", `link conditions at column 1: "delay": it has no value; write key=value, like delay=40ms`},
		{"delay=40", `link conditions at column 1: "delay=40": that is not a duration; write it with its unit, like 40ms, 1.5s or 250us`},
		{"delay=-1ms", `link conditions at column 1: "delay=-1ms": -1ms is not a time that a packet can take; give 0s to 1m, like 40ms`},
		{"delay=2m", `link conditions at column 1: "delay=2m": 2m0s is not a time that a packet can take; give 0s to 1m, like 40ms`},
		{"delay=1ms  jitter=2ms", `link conditions at column 12: "jitter=2ms": 2ms is more than the delay of 1ms, and no packet can leave before it came; make the delay at least as long as the jitter`},
		{"delay=1ms down.jitter=2ms", `link conditions at column 11: "down.jitter=2ms": 2ms is more than the delay of 1ms, and no packet can leave before it came; make the delay at least as long as the jitter`},
		{"rate=5", `link conditions at column 1: "rate=5": that is not a rate; write bits per second with their unit, like 800kbit, 5mbit or 1gbit`},
		{"rate=fastmbit", `link conditions at column 1: "rate=fastmbit": that is not a number of bits; write bits per second with their unit, like 800kbit, 5mbit or 1gbit`},
		{"rate=1bit", `link conditions at column 1: "rate=1bit": that is not a rate that a link can have; give 1kbit to 100gbit, like 5mbit, or leave it out for no limit`},
		{"blackhole=yes", `link conditions at column 1: "blackhole=yes": it is neither on nor off; write blackhole=on, or leave it out`},
		{"left.delay=1ms", `link conditions at column 1: "left.delay=1ms": there is no direction "left"; use "up." for clients to server, "down." for server to clients, or neither for both`},
		{"delay=1ms delay=1ms", `link conditions at column 11: "delay=1ms": it is given twice; keep one of them`},
		{"x" + strings.Repeat("y", 100), `link conditions at column 1: "x` + strings.Repeat("y", 39) + `...": it has no value; write key=value, like delay=40ms`},
		{strings.Repeat(" ", 2000), `link conditions at column 1025: "` + strings.Repeat(" ", 40) + `...": the text goes on and on; use at most 1024 characters`},
	} {
		_, err := Parse(c.text)
		var spec *SpecError
		if !errors.As(err, &spec) || err.Error() != c.want {
			t.Errorf("%.60q:\n got %v\nwant %v", c.text, err, c.want)
		}
	}
}

func TestAFlagKeepsItsValueWhenTheTextIsWrong(t *testing.T) {
	s := Spec{Up: Conditions{Loss: 0.5}}
	before := s
	if err := s.Set("loss=2"); err == nil || s != before {
		t.Errorf("now %v, %v", s, err)
	}
	if err := s.Set("loss=2%"); err != nil || s.Up.Loss != 0.02 || s.Down.Loss != 0.02 || s.Type() == "" {
		t.Errorf("now %v, %v", s, err)
	}
}

func TestConditionsThatNoLinkCanDoAreRefused(t *testing.T) {
	bad := Spec{Down: Conditions{Loss: math.Inf(1)}}
	if err := bad.Check(); err == nil || !strings.HasPrefix(err.Error(), `link conditions: "down.loss": it is not a share`) {
		t.Errorf("checked: %v", err)
	}
	if _, err := Listen("127.0.0.1:9", Config{Spec: bad}); err == nil {
		t.Error("a link was made of it")
	}
	l, err := Listen("127.0.0.1:9", Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Set(bad); err == nil || l.Spec() != (Spec{}) {
		t.Errorf("set: %v; now %v", err, l.Spec())
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "delay=40ms jitter=5ms loss=1% reorder=2% dup=1% rate=5mbit queue=100ms blackhole=on",
		"up.delay=10ms,down.rate=0.1gbit", "loss=1e-9%", "dup=NaN%", "rate=1e999bit", "=", ".=%", "up.=1", "delay=\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			var spec *SpecError
			if !errors.As(err, &spec) || spec.Column < 1 || spec.Problem == "" || spec.Mend == "" || s != (Spec{}) {
				t.Fatalf("%q: %#v", text, err)
			}
			if len(err.Error()) > 500 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if err := s.Check(); err != nil {
			t.Fatalf("%q is read and refused: %v", text, err)
		}
		again, err := Parse(s.String())
		if err != nil || again != s {
			t.Fatalf("%q is written as %q and read as %+v, %v", text, s, again, err)
		}
	})
}
