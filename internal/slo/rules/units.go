package rules

import (
	"math"
	"strconv"
	"time"
)

// duration writes a duration as Prometheus does, in its largest whole unit.
func duration(d time.Duration) string {
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d >= u.unit && d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// number writes a number without the noise of binary fractions: 1-0.999 is 0.001.
func number(x float64) string {
	const digits = 1e9
	return strconv.FormatFloat(math.Round(x*digits)/digits, 'f', -1, 64)
}
