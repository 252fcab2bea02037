package config

import (
	"errors"
	"strings"
	"testing"
)

// change replaces old in the least file, once.
func change(old, replacement string) string {
	if !strings.Contains(least, old) {
		panic("not in the file: " + old)
	}
	return strings.Replace(least, old, replacement, 1)
}

func TestMistakesAreReportedWithTheirPlaceAndTheFix(t *testing.T) {
	for _, tc := range []struct{ name, file, want string }{
		{"an unknown field", change("    pool: people", "    poool: people"),
			`t.yaml:11:5: lanes[0]: field "pool" is missing; add it
t.yaml:12:5: lanes[0]: there is no field "poool" here; did you mean "pool"?`},
		{"an unknown section", least + "prober: {}\n",
			`t.yaml:20:1: there is no field "prober" here; did you mean "probes"?`},
		{"a missing section", strings.Replace(least, "version: 1\n", "", 1),
			`t.yaml:1:1: field "version" is missing; add it`},
		{"another version", change("version: 1", "version: 2"),
			`t.yaml:1:10: version: 2 is out of range; allowed: 1`},
		{"a field that comes twice", change("    use: run", "    use: run\n    use: check"),
			`t.yaml:14:5: lanes[0]: "use" comes twice, first in line 13; remove one of them`},
		{"a field without a value", change("    use: run", "    use:"),
			`t.yaml:13:9: lanes[0].use: has no value; write one, or leave the field out`},
		{"a duration without a unit", change("30s", "30"),
			`t.yaml:18:15: probes[0].interval: "30" is not a duration; a duration needs a unit; did you mean "30s"?`},
		{"a duration that is none", change("30s", "soon"),
			`t.yaml:18:15: probes[0].interval: "soon" is not a duration; write it like 15s, 1m30s or 30d`},
		{"a duration out of range", change("30s", "100ms"),
			`t.yaml:18:15: probes[0].interval: 100ms is out of range; allowed: 1s to 1d`},
		{"a number out of range", change("    use: run", "    use: run\n    accounts: 99"),
			`t.yaml:14:15: lanes[0].accounts: 99 is out of range; allowed: 1 to 16`},
		{"a number that is none", change("    use: run", "    use: run\n    accounts: two"),
			`t.yaml:14:15: lanes[0].accounts: must be a whole number`},
		{"a switch that is none", change("    interval: 30s", "    informational: yes\n    interval: 30s"),
			`t.yaml:18:20: probes[0].informational: must be true or false`},
		{"a word that is not known", change("flow: media", "flow: medai"),
			`t.yaml:16:11: probes[0].flow: "medai" is not known here; did you mean "media"?`},
		{"a list that is none", change("[talk]", "talk"),
			`t.yaml:11:11: lanes[0].name: no probe uses the lane "talk"; add it to a probe's lanes, or remove it
t.yaml:17:12: probes[0].lanes: must be a list, not a single value; begin each entry with a hyphen`},
		{"text that YAML reads as a number", change("organisation: devtest", "organisation: 0123"),
			`t.yaml:5:17: platform.organisation: must be text, and YAML reads it as something else; put it in quotes`},
		{"a merge key", change("    use: run", "    use: run\n    <<: {rest: 1s}"),
			`t.yaml:14:5: lanes[0]: merge keys (<<) are not supported; repeat the fields, or use an alias for a whole value`},
		{"text that is not UTF-8", change("    use: run", "    use: r\xfcn"),
			`t.yaml:13:11: not valid UTF-8; save the file as UTF-8`},
		{"a line that ends for YAML only", change("    use: run", "    use: run # né\u2028"),
			`t.yaml:13:18: the character U+2028 stands here, which ends a line for YAML and for hardly any editor; remove it, or end the line with a line feed`},
		{"a carriage return without a line feed", change("    use: run\n", "    use: run\r"),
			`t.yaml:13:13: the character U+000D stands here, which ends a line for YAML and for hardly any editor; remove it, or end the line with a line feed`},
		{"no lanes", strings.Replace(least, "  - name: talk\n    pool: people\n    use: run\n", "  []\n", 1),
			`t.yaml:11:3: lanes: is empty; add at least 1`},

		{"a URL with a path", change("http://127.0.0.1:8443", "http://127.0.0.1:8443/api"),
			`t.yaml:3:11: platform.ac_url: must end after host and port; write it like http://host:port`},
		{"an organisation that is a host", change("organisation: devtest", "organisation: devtest.example"),
			`t.yaml:5:17: platform.organisation: an organisation is 1 to 63 characters of a-z, 0-9 and inner hyphens; write the subdomain only, such as devtest`},
		{"a Host header of another organisation", change("organisation: devtest", "organisation: devtest\n  host: demo.example.com"),
			`t.yaml:6:9: platform.host: its first label is not the organisation, and AC goes by that label; begin it with "devtest."`},
		{"an endpoint without a port", change("organisation: devtest", "organisation: devtest\n  endpoint_map: {\"127.0.0.1:4433\": mc-0}"),
			`t.yaml:6:36: platform.endpoint_map.127.0.0.1:4433: "mc-0" is not host:port; write it like host:4433, and an IPv6 address like [::1]:4433`},
		{"a pin that is none", change("organisation: devtest", "organisation: devtest\n  trust: {mc: {pins: [abc]}}"),
			`t.yaml:6:23: platform.trust.mc.pins[0]: is not a SHA-256 digest; write 44 characters of base64 or 64 of hex`},
		{"trust that contradicts itself", change("organisation: devtest", "organisation: devtest\n  trust: {ca_file: ca.pem, insecure_skip_verify: true}"),
			`t.yaml:6:50: platform.trust.insecure_skip_verify: contradicts ca_file and pins: with it, no certificate is looked at; remove one of them`},
		{"a field of a path", change("organisation: devtest", "organisation: devtest\n  trust: {ca_file: {evn: X}}"),
			`t.yaml:6:21: platform.trust.ca_file: there is no field "evn" here; write a path, or {env: NAME}`},

		{"one email for all", change(`{env: "EMAIL_{account}"}`, "{value: a@probes.example}\n    allow_inline: true"),
			`t.yaml:8:12: accounts.people.email: is the same for every account of the pool; use {account}, or {lane} and {n}, in it`},
		{"a placeholder that is none", change("{env: PASSWORD}", `{file: "/run/{acount}"}`),
			`t.yaml:9:22: accounts.people.password.file: "{acount}" is no placeholder; did you mean "{account}"?`},
		{"a variable that cannot be", change("{env: PASSWORD}", `{env: "PASS WORD"}`),
			`t.yaml:9:21: accounts.people.password.env: is not the name of an environment variable; use A-Z, 0-9 and underscores`},
		{"two sources", change("{env: PASSWORD}", `{env: PASSWORD, file: /x}`),
			`t.yaml:9:15: accounts.people.password: needs exactly one source; write {env: NAME} or {file: PATH}`},
		{"no source", change("{env: PASSWORD}", `{}`),
			`t.yaml:9:15: accounts.people.password: needs exactly one source; write {env: NAME} or {file: PATH}`},

		{"a pool that is not there", change("pool: people", "pool: peopel"),
			`t.yaml:12:11: lanes[0].pool: there is no pool "peopel"; did you mean "people"?`},
		{"a lane that is not there", change("lanes: [talk]", "lanes: [tolk]"),
			`t.yaml:11:11: lanes[0].name: no probe uses the lane "talk"; add it to a probe's lanes, or remove it
t.yaml:17:13: probes[0].lanes[0]: there is no lane "tolk"; did you mean "talk"?`},
		{"a lane twice in a probe", change("lanes: [talk]", "lanes: [talk, talk]"),
			`t.yaml:17:19: probes[0].lanes[1]: the lane "talk" comes twice; remove one`},
		{"a lane of two probes", least + "  - {name: two, flow: join, lanes: [talk], interval: 30s, timeout: 20s}\n",
			`t.yaml:20:37: probes[1].lanes[0]: the lane "talk" belongs to probe "talk" already; give each probe lanes of its own`},
		{"a lane with too few accounts", change("    timeout: 20s", "    timeout: 20s\n    media: {participants: 3}"),
			`t.yaml:17:13: probes[0].lanes[0]: the lane "talk" has too few accounts: 2, and this probe needs 3; set accounts: 3 in the lane`},
		{"two lanes of one name", change("    use: run\n", "    use: run\n  - {name: talk, pool: people, use: check}\n"),
			`t.yaml:14:12: lanes[1].name: "talk" is the name of lanes[0] already; choose another`},
		{"a name that cannot be", strings.ReplaceAll(least, "talk", "Talk Show"),
			`t.yaml:11:11: lanes[0].name: "Talk Show" cannot be a name; use a-z, 0-9 and single hyphens, beginning with a letter, at most 32 characters
t.yaml:15:11: probes[0].name: "Talk Show" cannot be a name; use a-z, 0-9 and single hyphens, beginning with a letter, at most 32 characters`},

		{"a timeout that does not fit", change("timeout: 20s", "timeout: 28s"),
			`t.yaml:19:14: probes[0].timeout: a run may take 28s and 5s to be taken down, and its lane rests for 5s, but the lane's turn comes every 30s (interval 30s, lanes for run: 1); shorten the timeout to 20s, lengthen the interval to 38s, or add a lane`},
		{"a taking down that does not fit", change("organisation: devtest", "organisation: devtest\n  deadlines: {teardown: 5100ms}"),
			`t.yaml:20:14: probes[0].timeout: a run may take 20s and 5.1s to be taken down, and its lane rests for 5s, but the lane's turn comes every 30s (interval 30s, lanes for run: 1); shorten the timeout to 19.9s, lengthen the interval to 31s, or add a lane`},
		{"an interval that fits no run at all", change("interval: 30s", "interval: 5s"),
			`t.yaml:19:14: probes[0].timeout: a run may take 20s and 5s to be taken down, and its lane rests for 5s, but the lane's turn comes every 5s (interval 5s, lanes for run: 1); lengthen the interval to 30s, or add a lane`},
		{"a run with more people than the budget has", change("    timeout: 20s", "    timeout: 20s\n    media: {participants: 3}") + "daemon: {budget: {participants: 2}}\n",
			`t.yaml:17:13: probes[0].lanes[0]: the lane "talk" has too few accounts: 2, and this probe needs 3; set accounts: 3 in the lane
t.yaml:20:27: probes[0].media.participants: a run brings 3 participants, and daemon.budget.participants is 2: it could never begin; set daemon.budget.participants: 3 at the least, or bring fewer`},
		{"a run that sends more than the budget has", least + "daemon: {budget: {datagrams_per_second: 50}}\n",
			`t.yaml:15:5: probes[0].media.participants: a run sends up to 100 datagrams per second, and daemon.budget.datagrams_per_second is 50: it could never begin; set daemon.budget.datagrams_per_second: 100 at the least, or bring fewer people`},
		{"a run that those who stay leave no room for", strings.Replace(change("flow: media", "flow: join\n    join: {anchor: resident}"), "    timeout: 20s", "    timeout: 20s", 1) + "daemon: {budget: {participants: 1}}\n",
			`t.yaml:15:5: probes[0]: a run brings 1 participants beside the 1 that stay between runs, and daemon.budget.participants is 1: it could never begin; set daemon.budget.participants: 2 at the least, or bring fewer`},
		{"a timeout shorter than the flow", change("timeout: 20s", "timeout: 10s"),
			`t.yaml:19:14: probes[0].timeout: the flow itself takes 11s; lengthen the timeout`},
		{"parameters of another flow", change("    timeout: 20s", "    timeout: 20s\n    join: {anchor: resident}"),
			`t.yaml:20:11: probes[0].join: parameters of flow join, and the flow of this probe is media; remove them, or change the flow`},
		{"a reconnect without a disconnect", change("flow: media", "flow: reconnect"),
			`t.yaml:15:5: probes[0]: flow reconnect needs to know how the connection is lost; add "reconnect: {disconnect: clean}"`},

		{"an SLI of another flow", objective("{sli: time_to_media, target: 95%, threshold: 2s}"),
			`t.yaml:21:15: probes[0].objectives[0].sli: flow media has no SLI "time_to_media"; one of ac_availability, availability, delivery_ratio, duration, first_media, gc_assign, gc_availability, gc_join, jitter, longest_silence, mc_availability, mc_connect, mc_join, mh_availability, mh_connect, one_way_latency, relay_share, sign_in, subscribe, talk, trace_continuity`},
		{"a duration without a threshold", objective("{sli: jitter, target: 95%}"),
			`t.yaml:21:9: probes[0].objectives[0]: jitter is a duration and needs to know which are good; add a threshold, such as 2s`},
		{"a threshold for what is no duration", objective("{sli: availability, target: 95%, threshold: 2s}"),
			`t.yaml:21:53: probes[0].objectives[0].threshold: availability is not a duration; remove the threshold`},
		{"a target in the wrong unit", objective("{sli: availability, target: 99.5}"),
			`t.yaml:21:37: probes[0].objectives[0].target: "99.5" is not between 0% and 100%; did you mean "99.5%"?`},
		{"the same objective twice", objective("{sli: availability, target: 95%}\n      - {sli: availability, target: 99%}"),
			`t.yaml:22:9: probes[0].objectives[1]: says the same as objectives[0]; remove one`},
		{"a gate that proves too much", objective("{sli: availability, target: 95%, gate: {prove: 99%}}"),
			`t.yaml:21:56: probes[0].objectives[0].gate.prove: 99% is not below the target of 95%; prove less than the target: a few runs cannot prove it`},
		{"an informational probe that pages", strings.Replace(objective("{sli: availability, target: 95%, role: page}"), "flow: media", "flow: media\n    informational: true", 1),
			`t.yaml:22:48: probes[0].objectives[0].role: the probe is informational, and its objectives wake nobody; set role: inform`},
		{"an objective that one run uses up", objective("{sli: availability, target: 99.9%, role: page, window: 1d}"),
			`t.yaml:21:37: probes[0].objectives[0].target: one bad run of one every 30s takes 35% of the budget of 99.9% over 1d; run more often, lower the target, set role: inform, or set allow_coarse: true`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("t.yaml", []byte(tc.file))
			if err == nil || err.Error() != tc.want {
				t.Errorf("got\n%v\nwant\n%s", err, tc.want)
			}
			for line := range strings.SplitSeq(tc.want, "\n") {
				if !located.MatchString(line) {
					t.Errorf("%q does not say where", line)
				}
			}
		})
	}
}

func objective(o string) string { return least + "    objectives:\n      - " + o + "\n" }

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	file := strings.NewReplacer("version: 1", "version: 3", "http://127.0.0.1:8443", "127.0.0.1:8443", "pool: people", "pool: crowd",
		"use: run", "use: walk", "flow: media", "flow: juggle", "interval: 30s", "interval: 30", "timeout: 20s", "timeuot: 20s").Replace(least)
	_, err := Parse("t.yaml", []byte(file))
	var wrong *Error
	if !errors.As(err, &wrong) || len(wrong.Problems) != 8 {
		t.Errorf("%d mistakes:\n%v", len(wrong.Problems), err)
	}
}

func TestSyntaxErrorsHaveLineAndColumn(t *testing.T) {
	for _, tc := range []struct{ name, file, place string }{
		{"a tab", change("    use: run", "\tuse: run"), "t.yaml:13:1: "},
		{"a missing space", change("    use: run", "    use:run"), "t.yaml:13:5: "},
		{"a colon too many", change("    use: run", "    use: run: check"), "t.yaml:13:13: "},
		{"wrong indentation", change("    use: run", "   use: run"), "t.yaml:13:4: "},
		{"a list that is not closed", change("lanes: [talk]", "lanes: [talk"), "t.yaml:18:5: "},
		{"a quote that is not closed", change("flow: media", `flow: "media`), "t.yaml:16:"},
		{"a character that begins nothing", change("name: talk", "name: @talk"), "t.yaml:11:11: "},
		{"an alias without an anchor", change("{env: PASSWORD}", "*hunter2"), "t.yaml:9:15: "},
		{"a second document", least + "---\nversion: 1\n", "t.yaml:20:1: "},
		{"a control character", least + "x: \x01\n", "t.yaml:"},
		{"not UTF-8", least + "x: \xff\n", "t.yaml:"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("t.yaml", []byte(tc.file))
			if err == nil || !strings.HasPrefix(err.Error(), tc.place) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %v, want it at %s", err, tc.place)
			}
			if !strings.Contains(err.Error(), "; ") {
				t.Errorf("no fix in %q", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a value is in %q", err)
			}
		})
	}
}

func TestFilesThatAreNoConfiguration(t *testing.T) {
	for _, tc := range []struct{ name, file, want string }{
		{"empty", "", "t.yaml: the file is empty"},
		{"comments only", "# nothing\n", "t.yaml: the file is empty"},
		{"null", "null\n", "t.yaml:1:1: must be a mapping"},
		{"a list", "- a\n", "t.yaml:1:1: must be a mapping"},
		{"text", "hello", "t.yaml:1:1: must be a mapping"},
		{"an alias of itself", "platform: &p\n  trust: *p\n", `there is no field "trust" here`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Parse("t.yaml", []byte(tc.file)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

func TestAliasesCanBeUsedAndCannotGrowWithoutEnd(t *testing.T) {
	good := change("interval: 30s", "interval: &half 30s") + "  - {name: two, flow: join, lanes: [two], interval: *half, timeout: 20s}\n"
	good = strings.Replace(good, "    use: run\n", "    use: run\n  - {name: two, pool: people, use: run}\n", 1)
	if _, err := Parse("t.yaml", []byte(good)); err != nil {
		t.Error(err)
	}
	var bomb strings.Builder
	bomb.WriteString("x0: &x0 {a: 1, b: 1, c: 1, d: 1}\n")
	bomb.WriteString("lanes: &l0\n")
	for range 200 {
		bomb.WriteString("  - {name: a, pool: b, use: run, zzz: 1}\n")
	}
	bomb.WriteString("probes:\n")
	for range 60 {
		bomb.WriteString("  - {objectives: *l0}\n")
	}
	_, err := Parse("t.yaml", []byte(bomb.String()))
	var wrong *Error
	if !errors.As(err, &wrong) || len(wrong.Problems) > maxVisits || len(err.Error()) > 64<<10 {
		t.Errorf("%d mistakes in %d bytes", len(wrong.Problems), len(err.Error()))
	}
}

// TestNoMistakeShowsAValue puts a password wherever somebody could.
func TestNoMistakeShowsAValue(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, tc := range []struct{ name, file string }{
		{"instead of a source", change("{env: PASSWORD}", secret)},
		{"instead of a source, in quotes", change("{env: PASSWORD}", `"`+secret+`"`)},
		{"as a list", change("{env: PASSWORD}", "["+secret+"]")},
		{"as the field of a source", change("{env: PASSWORD}", "{"+secret+"}")},
		{"as the field of a source, twice", change("{env: PASSWORD}", "{"+secret+": 1, "+secret+": 2}")},
		{"inline without permission", change("{env: PASSWORD}", "{value: "+secret+"}")},
		{"inline with placeholders that are none", change("{env: PASSWORD}", `{value: "{`+secret+`}"}`)},
		{"in a variable's name", change("{env: PASSWORD}", `{env: "`+secret+`!"}`)},
		{"under the wrong field", change("{env: PASSWORD}", "{val: "+secret+"}")},
		{"beside the sources", change("    password: {env: PASSWORD}", "    password: {env: PASSWORD}\n    pass: "+secret)},
		{"in a lane", change("    use: run", "    use: run\n    password: "+secret)},
		{"in a URL", change("http://127.0.0.1:8443", "http://user:"+secret+"@127.0.0.1:8443")},
		{"as an alias", change("{env: PASSWORD}", "*"+secret)},
		{"with a broken quote", change("{env: PASSWORD}", `{value: "`+secret)},
		{"with a character that begins nothing", change("{env: PASSWORD}", "{value: @"+secret+"}")},
		{"with an unknown escape", change("{env: PASSWORD}", `{value: "\q`+secret+`"}`)},
		{"with an unknown tag", change("{env: PASSWORD}", "!"+secret+"!x {env: A}")},
		{"behind a broken indentation", change("    password: {env: PASSWORD}", "   password: "+secret)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("t.yaml", []byte(tc.file))
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("the value is in %q", err)
			}
		})
	}
}
