package deploy_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dark-tower/prober/internal/link"
)

// seen is what is looked at of a check's report.
type seen struct {
	Runs []struct {
		Probe   string
		Outcome string
		Failure *struct{ Step, Hop, Reason, Cause, Detail string }
	}
}

// check runs the probes once in the pod.
func (c *cluster) check(t *testing.T, probes ...string) (code int, report seen) {
	t.Helper()
	args := []string{"check", "--config=/etc/prober/config/probes.yaml", "--output", "json"}
	for _, p := range probes {
		args = append(args, "--probe", p)
	}
	stdout, stderr, code := c.image.output(t, run{args: args, env: c.env, in: c.pod.Do})
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("exit code %d, %v\n%s\n%s", code, err, stdout, stderr)
	}
	return code, report
}

// TestTheKindOverlayInItsNetwork runs the overlay's rendered configuration in the image,
// in a pod of which only the ports of the overlay's policies are open, and then closes
// one after the other.
func TestTheKindOverlayInItsNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes minutes")
	}
	c := apply(t)
	if code, report := c.check(t, "join", "media", "reconnect-clean"); code != 0 {
		t.Fatalf("with the policies as they are, exit code %d: %+v; dropped %v", code, report, c.firewall.losses())
	}
	if lost := c.firewall.losses(); len(lost) > 0 {
		t.Errorf("packets were dropped: %v", lost)
	}
	for _, tc := range []struct {
		name, port string
		step       string
		hop        string
		detail     string
	}{
		{"names", "UDP 53", "sign_in", "prober", "port 53"}, // a prober without names says nothing about the platform
		{"AC", "TCP 8082", "sign_in", "ac", ":8082"},
		{"GC", "TCP 8080", "gc_assign", "gc", ":8080"},
		{"MC", "UDP 4433", "mc_connect", "mc", ":4433"},
		{"MH", "UDP 4434", "mh_connect", "mh", ":4434"},
	} {
		t.Run("without the port of "+tc.name, func(t *testing.T) {
			c.firewall.shut(tc.port)
			defer c.firewall.shut()
			c.red(t, tc.step, tc.hop, tc.detail, tc.port)
		})
	}
	t.Run("without being let in at AC", func(t *testing.T) {
		c.firewall.leaveOut("ac-service-from-synthetic-prober")
		defer c.firewall.leaveOut()
		c.red(t, "sign_in", "ac", ":8082", "TCP 8082")
	})
	t.Run("and all is well again", func(t *testing.T) {
		if code, report := c.check(t, "join"); code != 0 {
			t.Errorf("exit code %d: %+v", code, report)
		}
	})
	t.Run("the daemon", c.daemon)
}

// red wants a join to fail at one step, and the message to name the port.
func (c *cluster) red(t *testing.T, step, hop, detail, port string) {
	t.Helper()
	code, report := c.check(t, "join")
	if code == 0 || len(report.Runs) != 1 || report.Runs[0].Failure == nil {
		t.Fatalf("exit code %d: %+v", code, report)
	}
	f := report.Runs[0].Failure
	if f.Step != step || f.Hop != hop || !strings.Contains(f.Detail, detail) {
		t.Errorf("exit code %d, %+v", code, *f)
	}
	if lost := c.firewall.losses(); lost[port] == 0 {
		t.Errorf("nothing was dropped at %s: %v", port, lost)
	}
	t.Logf("exit code %d, %s at %s (%s %s): %s", code, f.Step, f.Hop, f.Reason, f.Cause, f.Detail)
}

// patience is for what must happen; nothing waits for it in vain.
const patience = 2 * time.Minute

// daemon runs the Deployment's command line until Prometheus sees a join that worked and
// the collector has traces.
func (c *cluster) daemon(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var log strings.Builder
	process, err := c.image.start(ctx, run{args: c.args, env: c.env, in: c.pod.Do}, func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = &log, &log })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = process.Process.Kill() }() // has ended, unless something went wrong
	prometheus := &http.Client{Transport: &http.Transport{DialContext: c.dialer(prometheusAddr), DisableKeepAlives: true}}
	success := `dt_synthetic_runs_total{flow="join",outcome="success",probe="join",trigger="schedule"} `
	for body := ""; !strings.Contains(body, success) || strings.Contains(body, success+"0\n") || !c.exported(); body = get(ctx, prometheus, "/metrics") {
		if ctx.Err() != nil {
			_, _ = process.Process.Kill(), process.Wait() // only then is the log complete
			t.Fatalf("no join that worked, or no traces (%v), after %s; the log:\n%s", c.exported(), patience, &log)
		}
	}
	for _, path := range []string{"/health", "/ready"} {
		if body := get(ctx, prometheus, path); body == "" {
			t.Errorf("%s does not answer", path)
		}
	}
	brief, done := context.WithTimeout(ctx, 2*time.Second)
	defer done()
	if conn, err := c.dialer(strangerAddr)(brief, "tcp", proberAddr+":8084"); err == nil {
		_ = conn.Close() // it should not be there
		t.Error("a pod that is not Prometheus is let in")
	}
	ending := time.Now()
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err != nil || time.Since(ending) > 35*time.Second {
		t.Errorf("it ended with %v after %s; the log:\n%s", err, time.Since(ending), &log)
	}
	if strings.Contains(log.String(), password) || strings.Contains(log.String(), token) {
		t.Error("a secret is in the log")
	}
}

// dialer dials from an address of the cluster.
func (c *cluster) dialer(from string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		err = c.rest.Do(func() error {
			conn, err = d.DialContext(ctx, network, addr)
			return err
		})
		return conn, err
	}
}

// get returns the body of an answer with status 200, asking until there is one.
func get(ctx context.Context, client *http.Client, path string) string {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+proberAddr+":8084"+path, nil)
		if err != nil {
			return ""
		}
		if answer, err := client.Do(request); err == nil {
			body, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close() // read to its end
			if err == nil && answer.StatusCode == http.StatusOK {
				return string(body) + "\n"
			}
		}
		select {
		case <-ctx.Done():
			return ""
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func TestTheFirewallDoesWhatPoliciesSay(t *testing.T) {
	packet := func(from, to string, protocol byte, fromPort, toPort uint16) []byte {
		p := make([]byte, 28)
		p[0], p[9] = 0x45, protocol
		copy(p[12:], net.ParseIP(from).To4())
		copy(p[16:], net.ParseIP(to).To4())
		p[20], p[21], p[22], p[23] = byte(fromPort>>8), byte(fromPort), byte(toPort>>8), byte(toPort)
		return p
	}
	f := newFirewall(t, render(t, "kind"))
	const tcp, udp = 6, 17
	for _, tc := range []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"the prober signs in", packet(proberAddr, acAddr, tcp, 40000, 8082), true},
		{"and is answered", packet(acAddr, proberAddr, tcp, 8082, 40000), true},
		{"over TCP only", packet(proberAddr, acAddr, udp, 40000, 8082), false},
		{"at that port only", packet(proberAddr, acAddr, tcp, 40000, 5432), false},
		{"the prober speaks to MC", packet(proberAddr, mc1, udp, 40000, 4433), true},
		{"and does not ask it for its metrics", packet(proberAddr, mc1, tcp, 40000, 8081), false},
		{"Prometheus scrapes the prober", packet(prometheusAddr, proberAddr, tcp, 40000, 8084), true},
		{"nobody else does", packet(strangerAddr, proberAddr, tcp, 40000, 8084), false},
		{"nor does the platform", packet(gcAddr, proberAddr, tcp, 40000, 8084), false},
		{"whoever is not known is nobody", packet(proberAddr, "10.96.0.200", tcp, 40000, 8082), false},
		{"half a packet is none", packet(proberAddr, acAddr, tcp, 40000, 8082)[:22], false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := f.admit(link.Up, tc.packet); got != tc.want {
				t.Errorf("admitted: %v", got)
			}
		})
	}
	if got := f.losses()["TCP 8081"]; got != 1 {
		t.Errorf("%d packets are counted", got)
	}
}
