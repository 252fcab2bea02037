package config

// Use is whom a lane serves. A lane never serves two processes: the same user twice
// in one meeting kills the media of both.
type Use string

// The uses.
const (
	Run   Use = "run"   // the daemon
	Check Use = "check" // the one-shot gate
)

// Pool is where the accounts of lanes come from. In env, file and value, {lane} is
// the name of the lane, {n} the number of the account from 1, and {account} is
// <lane>-<n>. In the name of an environment variable they are written in capitals
// with underscores. An email and a display name may hold them too, wherever they
// come from, so that one value serves every account.
type Pool struct {
	// Email of the account, such as probe-{account}@probes.example.
	Email Source `yaml:"email" jsonschema:"required"`
	// Password of the account, 8 to 128 bytes.
	Password Source `yaml:"password" jsonschema:"required"`
	// DisplayName of the account; without it "Probe <lane>-<n>".
	DisplayName Source `yaml:"display_name,omitempty"`
	// AllowInline permits value: in this pool. Whoever can read the file can then read the account.
	AllowInline bool `yaml:"allow_inline,omitempty" jsonschema:"default=false"`
}

// Lane is a standing meeting and the accounts that belong to it and to nothing else.
type Lane struct {
	// Name of the lane: a-z, 0-9 and hyphens. It is part of the accounts' names and must not change.
	Name string `yaml:"name" jsonschema:"required"`
	// Pool that the accounts come from.
	Pool string `yaml:"pool" jsonschema:"required"`
	// Accounts is how many accounts the lane has.
	Accounts int `yaml:"accounts" jsonschema:"default=2,minimum=1,maximum=16"`
	// Use is whom the lane serves: run (the daemon) or check (the one-shot gate).
	Use Use `yaml:"use" jsonschema:"required,enum=run,enum=check"`
	// Rest is how long the lane's meeting is left empty between two runs.
	Rest Duration `yaml:"rest" jsonschema:"default=5s" range:"0s..10m"`
}
