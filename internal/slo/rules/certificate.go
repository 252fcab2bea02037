package rules

import (
	"fmt"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/config"
)

// certificates alerts before MC's and MH's certificates end, and when one has.
func certificates(a *alerts, w watched) {
	var dialing []config.Probe
	quickest := 24 * time.Hour
	for _, p := range w.probes {
		if p.Flow != flows.SignIn {
			dialing, quickest = append(dialing, p), min(quickest, w.every[p.Name])
		}
	}
	if len(dialing) == 0 {
		return
	}
	// The label service says whose alert it is: the prober's. Whose certificate it is
	// goes into another one.
	ends := fmt.Sprintf(`label_replace(min by (service) (%s), "certificate", "$1", "service", "(.*)")`, certificateExpiry)
	const component = "certificate"
	a.add(warning, component, "certificate-expiring", Rule{
		Alert: alertPrefix + "CertificateExpiring",
		Expr:  "(" + ends + " - time() < 48 * 3600) > 0",
		For:   5 * time.Minute,
	}, message{
		summary:     `the certificate of {{ $labels.certificate }} ends in {{ $value | humanizeDuration }}`,
		description: "Less than 48 hours are left of a certificate that MC or MH showed to the latest run.",
		impact:      "When it has ended, nobody can connect to a meeting or hear anybody.",
	})
	fresh := max(15*time.Minute, 5*quickest)
	a.add(page, component, "certificate-expired", Rule{
		Alert: alertPrefix + "CertificateExpired",
		// What an old run saw may have been mended since.
		Expr: lines("time() - "+ends+" > 0",
			fmt.Sprintf("and on () (max(%s%s) > time() - %s)", lastRun, w.only(dialing), number(fresh.Seconds()))),
		For: time.Minute, KeepFiringFor: 10 * time.Minute,
	}, message{
		summary:     `the certificate of {{ $labels.certificate }} ended {{ $value | humanizeDuration }} ago`,
		description: "A certificate that MC or MH showed to the latest run is no longer valid. A prober that trusts a pin does not fail by it; browsers do.",
		impact:      "Nobody can connect to a meeting, or nobody hears anybody.",
	})
}
