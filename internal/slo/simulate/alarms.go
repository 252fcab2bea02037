package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/dark-tower/prober/internal/config"
	"github.com/dark-tower/prober/internal/slo"
)

// Alarms says how months of a platform are played.
type Alarms struct {
	Months int
	Seed   uint64
}

// Quality is what a played platform is like.
type Quality struct {
	Name  string
	Share float64 // of the budget that it uses up in a month
	Burst float64 // mean number of bad runs in a row; 1: each is bad by itself
}

// Qualities lists what is played.
func Qualities() []Quality {
	return []Quality{{"healthy", 0.1, 1}, {"half of the budget", 0.5, 1}, {"at its budget", 1, 1}, {"at its budget, in bursts", 1, 3}}
}

// AlarmRow is how often the alerts fire in 30 days on a platform of known quality:
// for every objective with this target whose runs begin this often.
type AlarmRow struct {
	Names    []string // of the objectives
	Target   float64
	Interval time.Duration // between two runs
	Quality  Quality
	// Alerts that wake somebody where the role is page, by burn rate, or on a wide budget
	// by the share of bad runs: each pair by itself, and all together.
	Burn14, Burn6, MostlyBad, Urgent float64
	Uncounted                        float64 // Urgent, if no number of bad runs were asked for besides
	Burn3, Burn1                     float64 // tickets
	Down                             float64 // three failed runs in a row
	HasDown                          bool    // some of the objectives is an availability, which alone can be down
}

// wide tells objectives with so wide a budget that the share of bad runs pages,
// instead of a burn rate that comes late or never.
func wide(target float64) bool { return target <= 0.97+1e-9 }

// AlarmTable plays every target and interval that some page or ticket is about.
func AlarmTable(objectives []slo.Objective, a Alarms) []AlarmRow {
	type kind struct {
		target   float64
		interval time.Duration
	}
	var kinds []kind
	names := make(map[kind][]string)
	available := make(map[kind]bool)
	for _, o := range objectives {
		k := kind{o.Target, time.Duration(float64(o.Interval) * max(1, o.EventsPerRun))}
		if o.Informational || o.Role == config.Inform || k.interval <= 0 {
			continue
		}
		if names[k] == nil {
			kinds = append(kinds, k)
		}
		names[k] = append(names[k], o.Name)
		available[k] = available[k] || o.SLI == config.Availability
	}
	var rows []AlarmRow
	for _, k := range kinds {
		for _, q := range Qualities() {
			row := Play(k.target, k.interval, q, a)
			row.Names = names[k]
			row.HasDown = available[k]
			rows = append(rows, row)
		}
	}
	return rows
}

// evaluation is how often the alerts are looked at.
const evaluation = 30 * time.Second

const (
	day   = 24 * time.Hour
	month = 30 * day
	warm  = 3 * day // before the first month: the longest window there is
)

// Play plays months of one platform.
func Play(target float64, interval time.Duration, q Quality, a Alarms) AlarmRow {
	row := AlarmRow{Target: target, Interval: interval, Quality: q}
	p := newPlatform(newRand(a.Seed, q.Name), (1-target)*q.Share, q.Burst)
	w := newWatch(target, interval)
	var next time.Duration // when the next run ends
	end := warm + time.Duration(a.Months)*month
	for now := time.Duration(0); now < end; now += evaluation {
		for ; next <= now; next += interval {
			w.run(p.bad())
		}
		w.evaluate(now, now >= warm)
	}
	per := 1 / float64(a.Months)
	for i, into := range []*float64{&row.Burn14, &row.Burn6, &row.MostlyBad, &row.Burn3, &row.Burn1, &row.Down, &row.Urgent, &row.Uncounted} {
		*into = float64(w.alarms[i].fired) * per
	}
	return row
}

// platform decides run by run whether one is bad: a chain of good and bad stretches.
type platform struct {
	rand        *rand.Rand
	begin, stay float64 // probability of a bad run after a good one, and after a bad one
	isBad       bool
}

func newPlatform(r *rand.Rand, bad, burst float64) *platform {
	if burst <= 1 {
		return &platform{rand: r, begin: bad, stay: bad}
	}
	return &platform{rand: r, begin: bad / (1 - bad) / burst, stay: 1 - 1/burst}
}

func (p *platform) bad() bool {
	threshold := p.begin
	if p.isBad {
		threshold = p.stay
	}
	p.isBad = p.rand.Float64() < threshold
	return p.isBad
}
