package config

// Daemon is how `prober run` behaves.
type Daemon struct {
	// Listen is the host:port of the HTTP port with /metrics, /health, /ready, the page and the API. Everything but those three is kept from strangers when it is bound wider than loopback and no token is given.
	Listen string `yaml:"listen" jsonschema:"default=127.0.0.1:8084"`
	// Token opens the page and the API to whoever shows it, where the port is bound wider than loopback.
	Token Source `yaml:"token,omitempty"`
	// Budget bounds what all runs together do to the platform at any moment.
	Budget Budget `yaml:"budget,omitempty"`
	// FirstRun is how long after the start the first run is due at the earliest: one scrape interval, so that every series has been seen at 0 before it rises.
	FirstRun Duration `yaml:"first_run" jsonschema:"default=15s" range:"0s..10m"`
	// Drain is how long runs that are under way may go on when the daemon is told to stop; then they are taken down.
	Drain Duration `yaml:"drain" jsonschema:"default=20s" range:"0s..5m"`
	// Keep is how many finished runs are kept in memory for the page and the API; the last failures of each probe are kept besides.
	Keep int `yaml:"keep" jsonschema:"default=200,minimum=10,maximum=10000"`
	// StateFile keeps the error budgets over a restart. Without it they begin anew.
	StateFile string `yaml:"state_file,omitempty"`
	// Traces says which runs are exported. Where to is said by OTEL_EXPORTER_OTLP_ENDPOINT and its kin; without it nothing is.
	Traces Traces `yaml:"traces,omitempty"`
	// Logs says what is logged.
	Logs Logs `yaml:"logs,omitempty"`
}

// Budget bounds concurrent fake people and what they send.
type Budget struct {
	// Participants that may be in meetings at the same time.
	Participants int `yaml:"participants" jsonschema:"default=16,minimum=1,maximum=1000"`
	// DatagramsPerSecond that may be sent; a person who talks sends 50.
	DatagramsPerSecond int `yaml:"datagrams_per_second" jsonschema:"default=1000,minimum=50,maximum=100000"`
}

// Traces is the sampling of our own export. The wire always carries the sampled flag.
type Traces struct {
	// KeepOneIn successful runs are exported one in so many; failures, slow runs and runs started by hand always.
	KeepOneIn int `yaml:"keep_one_in" jsonschema:"default=10,minimum=1,maximum=100000"`
}

// LogFormat is how log lines are written.
type LogFormat string

// The log formats.
const (
	LogAuto LogFormat = "auto" // text on a terminal, else JSON
	LogJSON LogFormat = "json"
	LogText LogFormat = "text"
)

// Logs is what the daemon logs, and how.
type Logs struct {
	// Level from which on lines are written.
	Level string `yaml:"level" jsonschema:"enum=debug,enum=info,enum=warn,enum=error,default=info"`
	// Format of the lines; auto is text on a terminal and JSON elsewhere.
	Format LogFormat `yaml:"format" jsonschema:"enum=auto,enum=json,enum=text,default=auto"`
	// HashKey hashes identifiers in the log; with the platform's own key, its logs and these can be put together. Without it, a key of this process alone.
	HashKey Source `yaml:"hash_key,omitempty"`
}
