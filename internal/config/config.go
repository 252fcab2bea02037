// Package config turns probes.yaml into a typed, validated configuration.
//
// Every mistake in a file is reported at once, each with file, line, column, what
// is wrong and what to do about it. Secrets are not part of the configuration: it
// names where they come from, and Resolve fetches them when they are needed. No
// error and no listing ever shows one.
//
// The package knows the words of the configuration and nothing of how a probe is
// run, scheduled or judged.
package config

import (
	"slices"

	"github.com/dark-tower/prober/flows"
)

//go:generate go run ./schemagen ../../docs/probes.schema.json

// Version is the only version of the file format there is.
const Version = 1

// Config is the effective configuration: what the file says, with every default
// filled in.
type Config struct {
	// Version of this file format.
	Version int `yaml:"version" jsonschema:"required,minimum=1,maximum=1"`
	// Platform is the Dark Tower deployment under test.
	Platform Platform `yaml:"platform" jsonschema:"required"`
	// Accounts are pools of synthetic users, by name.
	Accounts map[string]Pool `yaml:"accounts" jsonschema:"required,minProperties=1"`
	// Lanes are standing meetings; each belongs to one probe and to one process.
	Lanes []Lane `yaml:"lanes" jsonschema:"required,minItems=1,maxItems=256"`
	// Probes say what is done, where and how often.
	Probes []Probe `yaml:"probes" jsonschema:"required,minItems=1,maxItems=64"`
	// Daemon is how `prober run` behaves.
	Daemon Daemon `yaml:"daemon,omitempty"`

	warnings []Problem
}

// Warnings are what is allowed in the file and probably not meant, in the order of
// the file.
func (c *Config) Warnings() []Problem { return c.warnings }

// Platform is one deployment of Dark Tower.
type Platform struct {
	// ACURL is the base URL of the auth controller, http(s)://host:port.
	ACURL string `yaml:"ac_url" jsonschema:"required"`
	// GCURL is the base URL of the global controller, http(s)://host:port.
	GCURL string `yaml:"gc_url" jsonschema:"required"`
	// Organisation is the subdomain of the organisation that the accounts belong to.
	Organisation string `yaml:"organisation" jsonschema:"required"`
	// Host is an explicit Host header for AC; its first label must be the organisation. Without it the header is <organisation>.<host of ac_url>.
	Host string `yaml:"host,omitempty"`
	// Trust says which certificates are accepted.
	Trust Trust `yaml:"trust,omitempty"`
	// EndpointMap gives the host:port to dial for an advertised host:port of MC or MH. Addresses that are not in it are dialed as advertised.
	EndpointMap map[string]string `yaml:"endpoint_map,omitempty"`
	// Dialect of WebTransport: auto takes what the server announces.
	Dialect string `yaml:"dialect" jsonschema:"enum=auto,enum=legacy,enum=modern,default=auto"`
	// Deadlines bound what a participant waits for.
	Deadlines Deadlines `yaml:"deadlines,omitempty"`
	// Ghost is how long the platform holds a participant that did not leave cleanly: idle timeout, grace and tick. A lane rests as long after such a leave.
	Ghost Duration `yaml:"ghost" jsonschema:"default=45s" range:"1s..10m"`
	// Reference are host:port addresses outside the platform that accept TCP connections. When everything is silent, they tell the platform's outage from the prober's own. Without any, the resolver is the reference.
	Reference []string `yaml:"reference,omitempty" jsonschema:"maxItems=8"`

	// Forwarded is where AC and GC are asked instead by somebody who has another way to them, such as a forwarded port. It is the same platform all the same.
	Forwarded Forwarded `yaml:"-" json:"-"`
}

// Forwarded are base URLs of AC and GC; an empty one leaves the platform's.
type Forwarded struct{ AC, GC string }

// Trust says which certificates are accepted.
type Trust struct {
	// CAFile is a PEM file with the authorities that sign MC's and MH's certificates. Without it the system's are trusted. For AC and GC over https it is added to the system's.
	CAFile Path `yaml:"ca_file,omitempty"`
	// PinsFile is the platform's fingerprints.json with MC_CERT_SHA256 and MH_CERT_SHA256. Its pins are added to those of mc and mh.
	PinsFile Path `yaml:"pins_file,omitempty"`
	// MC is how a meeting controller proves who it is.
	MC ServerTrust `yaml:"mc,omitempty"`
	// MH is how a media handler proves who it is.
	MH ServerTrust `yaml:"mh,omitempty"`
	// InsecureSkipVerify accepts any certificate of MC and MH. For local development only.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify,omitempty" jsonschema:"default=false"`

	// CAPEM is used instead of CAFile by a program that holds the authorities in memory.
	CAPEM []byte `yaml:"-" json:"-"`
}

// ServerTrust is how the servers of one kind prove who they are.
type ServerTrust struct {
	// ServerName is the name sent as SNI and looked for in the certificate. Without it, the host of the advertised URL.
	ServerName string `yaml:"server_name,omitempty"`
	// Pins are SHA-256 digests of leaf certificates (DER), in base64 or hex. With pins, neither chain nor name is looked at.
	Pins []string `yaml:"pins,omitempty" jsonschema:"maxItems=16"`
}

// Deadlines bound what a participant waits for.
type Deadlines struct {
	// SignIn is for an answer of AC, which gives up by itself after 30 s.
	SignIn Duration `yaml:"sign_in" jsonschema:"default=35s" range:"100ms..2m"`
	// GC is for an answer of GC, which gives up by itself after 30 s.
	GC Duration `yaml:"gc" jsonschema:"default=35s" range:"100ms..2m"`
	// MC is for connecting to MC and joining there.
	MC Duration `yaml:"mc" jsonschema:"default=15s" range:"100ms..2m"`
	// MH is for connecting to one media handler.
	MH Duration `yaml:"mh" jsonschema:"default=10s" range:"100ms..2m"`
	// Subscribe is for being directed to send and assigned to hear, after the slots are declared; the platform allows itself 10 s.
	Subscribe Duration `yaml:"subscribe" jsonschema:"default=12s" range:"100ms..2m"`
	// FirstMedia is for the first frame of a person who is assigned.
	FirstMedia Duration `yaml:"first_media" jsonschema:"default=5s" range:"100ms..2m"`
	// Default is for every other step.
	Default Duration `yaml:"default" jsonschema:"default=5s" range:"100ms..2m"`
	// Teardown is for leaving and cleaning up after a run; it is no part of any measurement.
	Teardown Duration `yaml:"teardown" jsonschema:"default=5s" range:"100ms..1m"`
}

// Lane returns the lane with this name.
func (c *Config) Lane(name string) (Lane, bool) {
	for _, l := range c.Lanes {
		if l.Name == name {
			return l, true
		}
	}
	return Lane{}, false
}

// Probe returns the probe with this name.
func (c *Config) Probe(name string) (Probe, bool) {
	for _, p := range c.Probes {
		if p.Name == name {
			return p, true
		}
	}
	return Probe{}, false
}

// LanesOf returns the lanes of a probe that serve this use, in the order of the probe.
func (c *Config) LanesOf(p Probe, use Use) []Lane {
	var lanes []Lane
	for _, name := range p.Lanes {
		if l, ok := c.Lane(name); ok && l.Use == use {
			lanes = append(lanes, l)
		}
	}
	return lanes
}

// LanesFor returns every lane that serves this use.
func (c *Config) LanesFor(use Use) []Lane {
	var lanes []Lane
	for _, l := range c.Lanes {
		if l.Use == use {
			lanes = append(lanes, l)
		}
	}
	return lanes
}

// minAccounts is how many accounts a run of the flow takes at the least.
func minAccounts(p Probe) int {
	switch p.Flow {
	case flows.Media:
		if p.Media != nil {
			return p.Media.Participants
		}
		return 2
	case flows.SignIn:
		return 1
	}
	return 2
}

// Every is how often a probe runs on these lanes, those of one use.
func (p Probe) Every(lanes []Lane) Duration {
	if p.Flow != flows.SignIn {
		return p.Interval
	}
	accounts := 0
	for _, l := range lanes {
		accounts += l.Accounts
	}
	return p.Interval / Duration(max(accounts, 1))
}

// NeedsMeeting reports whether the named lane's people join: those who only sign in
// have no meeting.
func (c *Config) NeedsMeeting(lane string) bool {
	for _, p := range c.Probes {
		if slices.Contains(p.Lanes, lane) {
			return p.Flow != flows.SignIn
		}
	}
	return true
}
