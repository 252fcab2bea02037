package web_test

import (
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/dark-tower/prober/internal/canary"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
	"github.com/dark-tower/prober/internal/page/pagetest"
	"github.com/dark-tower/prober/internal/web"
)

func basic(password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+password))
}

func TestWhoMaySeeAndDoWhat(t *testing.T) {
	w := present(pagetest.Healthy())
	loopback := options(w)
	open, guarded := loopback, loopback
	open.Loopback = false
	guarded.Loopback, guarded.Token = false, httpapi.Secret(token)
	both := loopback
	both.Token = httpapi.Secret(token)
	run := "/runs/" + w.Runs[0].Run.ID

	servers := map[string]http.Handler{"loopback": serve(t, loopback), "no token": serve(t, open), "token": serve(t, guarded), "loopback with a token": serve(t, both)}
	bearer, wrong := "Authorization: Bearer "+token, "Authorization: Bearer "+token+"x"
	for _, c := range []struct {
		server, method, path string
		headers              []string
		want                 int
	}{
		// Scrapes and probes of Kubernetes are everybody's.
		{"no token", "GET", "/metrics", nil, 200},
		{"no token", "GET", "/health", nil, 200},
		{"no token", "GET", "/ready", nil, 200},
		{"token", "GET", "/metrics", nil, 200},
		{"token", "HEAD", "/health", nil, 200},
		{"no token", "GET", "/metrics", []string{"Host: 10.0.0.7:8084"}, 200},

		// On loopback the rest is, too.
		{"loopback", "GET", "/", nil, 200},
		{"loopback", "GET", run, nil, 200},
		{"loopback", "GET", "/api/v1/probes", nil, 200},
		{"loopback", "GET", "/debug/pprof/", nil, 200},
		{"loopback", "GET", "/debug/pprof/goroutine", nil, 200},
		{"loopback", "GET", "/debug/pprof/cmdline", nil, 404},
		{"loopback", "POST", "/api/v1/probes/join/run", nil, 200},
		{"loopback with a token", "GET", "/", nil, 200},
		{"loopback with a token", "POST", "/api/v1/probes/join/run", nil, 200},

		// Wider without a token, it is off.
		{"no token", "GET", "/", nil, 403},
		{"no token", "GET", run, nil, 403},
		{"no token", "GET", "/api/v1/probes", nil, 403},
		{"no token", "GET", "/api/v1/runs", []string{"Authorization: Bearer "}, 403},
		{"no token", "GET", "/", []string{basic("")}, 403},
		{"no token", "POST", "/api/v1/probes/join/run", nil, 403},
		{"no token", "GET", "/debug/pprof/", nil, 403},

		// Wider with one, it wants to be shown.
		{"token", "GET", "/", nil, 401},
		{"token", "GET", "/", []string{wrong}, 401},
		{"token", "GET", "/", []string{"Authorization: Bearer"}, 401},
		{"token", "GET", "/", []string{"Authorization: Basic !"}, 401},
		{"token", "GET", "/", []string{basic("wrong")}, 401},
		{"token", "GET", "/?token=" + token, nil, 401},
		{"token", "GET", "/", []string{"Cookie: token=" + token}, 401},
		{"token", "GET", "/", []string{bearer}, 200},
		{"token", "GET", "/", []string{"Authorization: bearer " + token}, 200},
		{"token", "GET", "/", []string{basic(token)}, 200},
		{"token", "GET", run, []string{basic(token)}, 200},
		{"token", "GET", "/api/v1/runs", []string{bearer}, 200},
		{"token", "GET", "/api/v1/nothing", nil, 401},
		{"token", "GET", "//metrics", nil, 401},
		{"token", "GET", "/metrics/../", nil, 401},
		{"token", "POST", "/api/v1/probes/join/run", nil, 401},
		{"token", "POST", "/api/v1/probes/join/run", []string{wrong}, 401},
		{"token", "POST", "/api/v1/probes/join/run", []string{basic(token)}, 401},
		{"token", "POST", "/api/v1/probes/join/run", []string{bearer}, 200},
		{"token", "GET", "/debug/pprof/", []string{bearer}, 403},
		{"token", "GET", "/debug/pprof/heap", []string{bearer}, 403},

		// A name elsewhere that points here.
		{"loopback", "GET", "/", []string{"Host: evil.example"}, 421},
		{"loopback", "GET", "/metrics", []string{"Host: evil.example:8084"}, 421},
		{"loopback", "GET", "/", []string{"Host: localhost.evil.example"}, 421},
		{"loopback", "GET", "/", []string{"Host: 127.0.0.1.evil.example"}, 421},
		{"loopback", "GET", "/", []string{"Host: 10.0.0.7:8084"}, 421},
		{"loopback", "GET", "/", []string{"Host: 0.0.0.0:8084"}, 421},
		{"loopback", "GET", "/", []string{"Host: "}, 421},
		{"loopback", "POST", "/api/v1/probes/join/run", []string{"Host: evil.example", "Origin: http://evil.example"}, 421},
		{"loopback", "GET", "/", []string{"Host: 127.0.0.1:8084"}, 200},
		{"loopback", "GET", "/", []string{"Host: 127.1.2.3"}, 200},
		{"loopback", "GET", "/", []string{"Host: [::1]:8084"}, 200},
		{"loopback", "GET", "/", []string{"Host: [::1]"}, 200},
		{"loopback", "GET", "/", []string{"Host: LOCALHOST"}, 200},

		// A page of another origin.
		{"loopback", "POST", "/api/v1/probes/join/run", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"loopback", "POST", "/api/v1/probes/join/run", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"loopback", "POST", "/api/v1/probes/join/run", []string{"Origin: http://evil.example"}, 403},
		{"loopback", "POST", "/api/v1/probes/join/run", []string{"Origin: null"}, 403},
		{"loopback", "POST", "/api/v1/probes/join/run", []string{"Origin: http://localhost:3000"}, 403},
		{"loopback", "POST", "/api/v1/probes/join/run", []string{"Origin: http://localhost:8084", "Sec-Fetch-Site: same-origin"}, 200},
		{"token", "POST", "/api/v1/probes/join/run", []string{bearer, "Sec-Fetch-Site: cross-site"}, 403},
	} {
		t.Run(strings.Join(append([]string{c.server, c.method, c.path}, c.headers...), " "), func(t *testing.T) {
			got := ask(servers[c.server], c.method, c.path, c.headers...)
			if got.Code != c.want {
				t.Errorf("%d, want %d: %.200s", got.Code, c.want, got.Body)
			}
			if got.Code >= 400 && got.Code != 404 && got.Body.Len() == 0 && c.method != "HEAD" {
				t.Error("nothing says why")
			}
			if got.Code == 401 && got.Header().Get("WWW-Authenticate") == "" {
				t.Error("nothing says how to get in")
			}
			if c.method == "POST" && got.Code == 401 && strings.Contains(strings.Join(got.Header().Values("WWW-Authenticate"), " "), "Basic") {
				t.Error("a browser is asked for a password that does not help")
			}
		})
	}
}

func TestEveryAnswerCarriesWhatKeepsABrowserSafe(t *testing.T) {
	o := options(present(pagetest.Healthy()))
	h := serve(t, o)
	o.Loopback = false
	closed := serve(t, o)
	for _, got := range []interface{ Header() http.Header }{ask(h, "GET", "/"), ask(h, "GET", "/api/v1/probes"), ask(h, "GET", "/nowhere"), ask(h, "GET", "/", "Host: evil.example"), ask(closed, "GET", "/")} {
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store"} {
			if got.Header().Get(name) != want {
				t.Errorf("%s: %q", name, got.Header().Get(name))
			}
		}
		csp := got.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("policy: %s", csp)
		}
		if got.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Error("other origins may read")
		}
	}
}

func TestTheTokenIsNeverShown(t *testing.T) {
	var cage canary.Cage
	cage.Plant("token", token)
	o := options(present(pagetest.Failing()))
	o.Loopback, o.Token = false, httpapi.Secret(token)
	h := serve(t, o)
	for _, headers := range [][]string{nil, {"Authorization: Bearer " + token}, {basic(token)}, {basic(token + "x")}} {
		for _, path := range []string{"/", "/metrics", "/api/v1/probes", "/api/v1/runs", "/nowhere", "/debug/pprof/"} {
			got := ask(h, "GET", path, headers...)
			var all strings.Builder
			_ = got.Header().Write(&all)
			all.WriteString(got.Body.String())
			if found := cage.Find(all.String()); len(found) > 0 {
				t.Errorf("%s: %v", path, found)
			}
		}
	}
}

func TestAPortWithoutWhatItNeedsIsNotMade(t *testing.T) {
	good := options(pagetest.Empty())
	for name, spoil := range map[string]func(*web.Options){
		"a token that can be guessed": func(o *web.Options) { o.Token = "short" },
		"no metrics":                  func(o *web.Options) { o.Metrics = nil },
		"no runs":                     func(o *web.Options) { o.Runs = nil },
		"no probes":                   func(o *web.Options) { o.Probes = nil },
		"no log":                      func(o *web.Options) { o.Log = nil },
	} {
		o := good
		spoil(&o)
		if _, err := web.New(o); err == nil || strings.Contains(err.Error(), "short\"") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsLoopback(t *testing.T) {
	for text, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "127.9.9.9:1": true, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false} {
		addr, err := net.ResolveTCPAddr("tcp", text)
		if err != nil {
			t.Fatal(err)
		}
		if web.IsLoopback(addr) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
	if web.IsLoopback(&net.UnixAddr{}) {
		t.Error("a socket in the file system is not taken for loopback")
	}
}
