package browser

import (
	"testing"

	"github.com/dark-tower/prober/interop/chromium"
)

// browser is a page in a Chromium of its own, and the participant in it.
type browser struct {
	driver  *chromium.Driver
	version string
}

// open starts a Chromium on the page at url. It is closed when the test ends.
func open(t *testing.T, url string) *browser {
	t.Helper()
	d := chromium.Start(t, 2*patience, "driver.mjs", url) // the page's own waits end before
	return &browser{driver: d, version: d.Ready()}
}

// call calls a method of the page's participant and decodes its result into into,
// unless that is nil.
func (b *browser) call(into any, method string, args ...any) {
	b.driver.Say(method, into, map[string]any{"call": method, "args": append([]any{}, args...)})
}

// screenshot writes what the page looks like to path, as PNG.
func (b *browser) screenshot(path string) {
	b.driver.Say("taking a picture", nil, map[string]any{"screenshot": path})
}
