package config

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dark-tower/prober/flows"
	"github.com/dark-tower/prober/internal/darktower/account"
	"github.com/dark-tower/prober/internal/darktower/httpapi"
)

var (
	nameShape     = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	hostNameShape = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
)

// maxName bounds the names of lanes, probes and pools: they are label values.
const maxName = 32

const nameFix = "use a-z, 0-9 and single hyphens, beginning with a letter, at most 32 characters"

// validate checks what one field alone cannot show. A part that could not be decoded
// has been reported already and is empty here, so every check passes over what is
// empty.
func (d *decoder) validate(c *Config) {
	d.platform(&c.Platform)
	for _, name := range sortedKeys(c.Accounts) {
		d.pool("accounts."+name, name, c.Accounts[name])
	}
	d.lanes(c)
	d.probes(c)
	d.daemon(&c.Daemon)
	d.budget(c)
}

func (d *decoder) daemon(daemon *Daemon) {
	if _, port, err := net.SplitHostPort(daemon.Listen); daemon.Listen != "" {
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
			d.at("daemon.listen", show(daemon.Listen)+" is not host:port", "write it like 127.0.0.1:8084, or :8084 for every address of this machine")
		}
	}
	for _, x := range []struct {
		path   string
		source Source
	}{{"daemon.token", daemon.Token}, {"daemon.logs.hash_key", daemon.Logs.HashKey}} {
		if x.source.Value != "" {
			d.at(x.path+".value", "holds the value itself", "write {env: NAME} or {file: PATH}")
		}
	}
}

func (d *decoder) platform(p *Platform) {
	for _, x := range []struct{ path, url string }{{"platform.ac_url", p.ACURL}, {"platform.gc_url", p.GCURL}} {
		if x.url == "" {
			continue
		}
		if _, err := httpapi.ParseBaseURL(x.url); err != nil {
			d.at(x.path, err.Error(), "write it like http://host:port")
		}
	}
	if p.Organisation != "" {
		if err := account.CheckOrganisation(p.Organisation); err != nil {
			d.at("platform.organisation", err.Error(), "write the subdomain only, such as devtest")
		}
	}
	if p.Host != "" {
		name, port, cut := strings.Cut(p.Host, ":")
		label, rest, dotted := strings.Cut(name, ".")
		_, err := strconv.ParseUint(port, 10, 16)
		switch {
		case !dotted || rest == "" || !hostNameShape.MatchString(name) || cut && err != nil:
			d.at("platform.host", "is not a host name with at least two labels", "write it like devtest.example.com, with :port if it is needed")
		case p.Organisation != "" && label != p.Organisation:
			d.at("platform.host", "its first label is not the organisation, and AC goes by that label", fmt.Sprintf("begin it with %q", p.Organisation+"."))
		}
	}
	d.trust(&p.Trust)
	for _, advertised := range sortedKeys(p.EndpointMap) {
		path := "platform.endpoint_map." + advertised
		d.hostPort(path, advertised)
		d.hostPort(path, p.EndpointMap[advertised])
	}
	for i, addr := range p.Reference {
		d.hostPort(fmt.Sprintf("platform.reference[%d]", i), addr)
	}
}

func (d *decoder) trust(t *Trust) {
	for _, x := range []struct {
		path   string
		server ServerTrust
	}{{"platform.trust.mc", t.MC}, {"platform.trust.mh", t.MH}} {
		if name := x.server.ServerName; name != "" && !hostNameShape.MatchString(name) && net.ParseIP(name) == nil {
			d.at(x.path+".server_name", "is not a host name", "write the name that is in the certificate, without a port")
		}
		for i, pin := range x.server.Pins {
			if _, ok := parsePin(pin); pin != "" && !ok {
				d.at(fmt.Sprintf("%s.pins[%d]", x.path, i), "is not a SHA-256 digest", "write 44 characters of base64 or 64 of hex")
			}
		}
	}
	if t.InsecureSkipVerify && (!t.CAFile.IsZero() || !t.PinsFile.IsZero() || len(t.MC.Pins)+len(t.MH.Pins) > 0) {
		d.at("platform.trust.insecure_skip_verify", "contradicts ca_file and pins: with it, no certificate is looked at", "remove one of them")
	}
}

// parsePin reads a SHA-256 digest in base64 or hex.
func parsePin(s string) (pin [32]byte, ok bool) {
	raw, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(raw) != len(pin) {
		raw, err = base64.StdEncoding.DecodeString(s)
	}
	if err != nil || len(raw) != len(pin) {
		return pin, false
	}
	return [32]byte(raw), true
}

func (d *decoder) hostPort(path, addr string) {
	if addr == "" {
		return // reported when it was read
	}
	host, port, err := net.SplitHostPort(addr)
	number, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || bad != nil || number == 0 {
		d.at(path, show(addr)+" is not host:port", "write it like host:4433, and an IPv6 address like [::1]:4433")
	}
}

func (d *decoder) name(path, name string) {
	if name != "" && (len(name) > maxName || !nameShape.MatchString(name)) {
		d.at(path, show(name)+" cannot be a name", nameFix)
	}
}

// unique reports names that come twice.
func (d *decoder) unique(what string, names []string) {
	first := make(map[string]int)
	for i, name := range names {
		if name == "" {
			continue
		}
		path := fmt.Sprintf("%s[%d].name", what, i)
		if at, twice := first[name]; twice {
			d.at(path, fmt.Sprintf("%s is the name of %s[%d] already", show(name), what, at), "choose another")
			continue
		}
		first[name] = i
		d.name(path, name)
	}
}

func (d *decoder) pool(path, name string, p Pool) {
	d.name(path, name)
	for _, x := range []struct {
		field  string
		source Source
	}{{"email", p.Email}, {"password", p.Password}, {"display_name", p.DisplayName}} {
		below := path + "." + x.field
		if x.source.Value != "" && !p.AllowInline {
			d.at(below+".value", "holds the value itself", "write {env: NAME} or {file: PATH}, or set allow_inline: true in this pool if it is no secret")
		}
		d.template(below, x.source)
		// One email for several accounts is one user in several places.
		if x.field == "email" && !x.source.IsZero() && !distinguishes(x.source) {
			d.at(below, "is the same for every account of the pool", "use {account}, or {lane} and {n}, in it")
		}
	}
}

// distinguishes reports whether s can give every account its own value. What a
// variable or a file holds may have placeholders of its own: Resolve sees.
func distinguishes(s Source) bool {
	return s.Value == "" || strings.Contains(s.Value, "{account}") ||
		strings.Contains(s.Value, "{lane}") && strings.Contains(s.Value, "{n}")
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// template checks placeholders. It quotes none in an inline value, which may be any
// text at all.
func (d *decoder) template(path string, s Source) {
	for _, x := range []struct{ field, text string }{{"env", s.Env}, {"file", s.File}} {
		for _, word := range placeholder.FindAllString(x.text, -1) {
			if !slices.Contains(placeholders, word) {
				d.at(path+"."+x.field, show(word)+" is no placeholder", didYouMean(word, placeholders))
			}
		}
	}
	if s.Env != "" && !envShape.MatchString(placeholder.ReplaceAllString(s.Env, "X")) {
		d.at(path+".env", "is not the name of an environment variable", "use A-Z, 0-9 and underscores")
	}
}

var (
	placeholders = []string{"{lane}", "{n}", "{account}"}
	envShape     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func (d *decoder) lanes(c *Config) {
	names := make([]string, len(c.Lanes))
	for i, l := range c.Lanes {
		names[i] = l.Name
		if _, known := c.Accounts[l.Pool]; l.Pool != "" && !known && c.Accounts != nil {
			d.at(fmt.Sprintf("lanes[%d].pool", i), "there is no pool "+show(l.Pool), didYouMean(l.Pool, sortedKeys(c.Accounts)))
		}
	}
	d.unique("lanes", names)
}

func (d *decoder) probes(c *Config) {
	names := make([]string, len(c.Probes))
	user := make(map[string]int) // lane -> probe
	for i := range c.Probes {
		p := &c.Probes[i]
		path := fmt.Sprintf("probes[%d]", i)
		names[i] = p.Name
		d.parameters(path, p)
		d.probeLanes(c, i, user)
		d.timing(c, path, p)
		d.objectives(path, p)
		c.gates(p)
	}
	d.unique("probes", names)
	d.objectiveNames(c)
	d.judgements(c)
	for i, l := range c.Lanes {
		if _, used := user[l.Name]; !used && l.Name != "" && len(c.Probes) > 0 {
			d.at(fmt.Sprintf("lanes[%d].name", i), "no probe uses the lane "+show(l.Name), "add it to a probe's lanes, or remove it")
		}
	}
}

// parameters fills the parameters of the probe's flow and refuses those of others.
func (d *decoder) parameters(path string, p *Probe) {
	for _, x := range []struct {
		flow  flows.Flow
		given bool
	}{{flows.Join, p.Join != nil}, {flows.Media, p.Media != nil}, {flows.Reconnect, p.Reconnect != nil}} {
		if x.given && p.Flow != "" && p.Flow != x.flow {
			d.at(path+"."+string(x.flow), fmt.Sprintf("parameters of flow %s, and the flow of this probe is %s", x.flow, p.Flow), "remove them, or change the flow")
		}
	}
	switch p.Flow {
	case flows.Join:
		if p.Join == nil {
			p.Join = new(Join)
			d.presets(valueOf(p.Join))
		}
	case flows.Media:
		if p.Media == nil {
			p.Media = new(Media)
			d.presets(valueOf(p.Media))
		}
	case flows.Reconnect:
		if p.Reconnect == nil {
			d.at(path, "flow reconnect needs to know how the connection is lost", "add \"reconnect: {disconnect: clean}\"")
		}
	}
}

func (d *decoder) probeLanes(c *Config, index int, user map[string]int) {
	p := c.Probes[index]
	need := minAccounts(p)
	for i, name := range p.Lanes {
		path := fmt.Sprintf("probes[%d].lanes[%d]", index, i)
		lane, known := c.Lane(name)
		switch other, used := user[name]; {
		case name == "":
		case !known && len(c.Lanes) > 0:
			d.at(path, "there is no lane "+show(name), didYouMean(name, laneNames(c)))
		case used && other == index:
			d.at(path, "the lane "+show(name)+" comes twice", "remove one")
		case used:
			d.at(path, fmt.Sprintf("the lane %s belongs to probe %s already", show(name), show(c.Probes[other].Name)), "give each probe lanes of its own")
		case known && lane.Accounts < need && lane.Accounts > 0:
			d.at(path, fmt.Sprintf("the lane %s has too few accounts: %d, and this probe needs %d", show(name), lane.Accounts, need), fmt.Sprintf("set accounts: %d in the lane", need))
		}
		if _, used := user[name]; !used {
			user[name] = index
		}
	}
}

func laneNames(c *Config) []string {
	names := make([]string, len(c.Lanes))
	for i, l := range c.Lanes {
		names[i] = l.Name
	}
	return names
}

// timing checks that scheduled runs fit: each lane must have finished, been left and
// rested before its turn comes again.
func (d *decoder) timing(c *Config, path string, p *Probe) {
	lanes := c.LanesOf(*p, Run)
	if len(lanes) == 0 || p.Interval == 0 || p.Timeout == 0 {
		return
	}
	if p.Flow == flows.SignIn { // nobody joins, so no meeting has to empty itself
		if every := p.Every(lanes); p.Timeout > every {
			d.at(path+".timeout", fmt.Sprintf("a sign-in may take %s, and one begins every %s", p.Timeout, every), fmt.Sprintf("shorten the timeout to %s", every))
		}
		return
	}
	var rest Duration
	for _, l := range lanes {
		rest = max(rest, l.Rest)
	}
	if p.Reconnect != nil && p.Reconnect.Disconnect == flows.CutAbrupt {
		rest = max(rest, c.Platform.Ghost) // every run leaves the lost person behind
	}
	turn, teardown := p.Interval*Duration(len(lanes)), c.Platform.Deadlines.Teardown
	if need := p.Timeout + teardown + rest; need > turn {
		fix := fmt.Sprintf("lengthen the interval to %s, or add a lane", roundUp(need/Duration(len(lanes))))
		if room := turn - rest - teardown; room >= Duration(time.Second) {
			fix = fmt.Sprintf("shorten the timeout to %s, ", room) + fix
		}
		d.at(path+".timeout", fmt.Sprintf("a run may take %s and %s to be taken down, and its lane rests for %s, but the lane's turn comes every %s (interval %s, lanes for run: %d)",
			p.Timeout, teardown, rest, turn, p.Interval, len(lanes)), fix)
	}
	if inner := LeastDuration(*p); inner >= p.Timeout {
		d.at(path+".timeout", fmt.Sprintf("the flow itself takes %s", inner), "lengthen the timeout")
	}
}

func roundUp(t Duration) Duration {
	const second = Duration(time.Second)
	return (t + second - 1) / second * second
}

// LeastDuration is what the parameters alone make a run last.
func LeastDuration(p Probe) Duration {
	switch {
	case p.Media != nil:
		return p.Media.Duration + p.Media.Settle
	case p.Reconnect != nil:
		return p.Reconnect.Steady + p.Reconnect.Detect
	}
	return 0
}
