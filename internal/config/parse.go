package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxSize bounds a configuration file, in bytes.
const MaxSize = 256 << 10

// Load reads and validates a file. A file that can be read and is wrong gives *Error.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	content, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return Parse(path, content)
}

// Parse decodes and validates content; name stands for the file in errors. Its error
// is always *Error.
func Parse(name string, content []byte) (*Config, error) {
	root, problem := document(content)
	if problem != nil {
		return nil, &Error{File: name, Problems: []Problem{*problem}}
	}
	d := newDecoder()
	var c Config
	d.value(root, reflect.ValueOf(&c).Elem(), "", rules{})
	d.validate(&c)
	if len(d.problems) > 0 {
		sortProblems(d.problems)
		return nil, &Error{File: name, Problems: d.problems}
	}
	sortProblems(d.warnings)
	c.warnings = d.warnings
	return &c, nil
}

// document returns the root node of the only document in content.
func document(content []byte) (*yaml.Node, *Problem) {
	if len(content) > MaxSize {
		return nil, &Problem{What: fmt.Sprintf("the file is larger than %d KiB", MaxSize>>10), Fix: "split it into several configurations"}
	}
	if problem := encodingProblem(content); problem != nil {
		return nil, problem
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var doc, second yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &Problem{What: "the file is empty", Fix: "begin with \"version: 1\""}
	case err != nil:
		return nil, syntaxProblem(content, err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, &Problem{Line: second.Line, Column: max(second.Column, 1), What: "a second document begins here", Fix: "keep one document per file and remove the ---"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxProblem(content, err)
	}
	return doc.Content[0], nil
}

// strayBreak is what the parser counts as the end of a line and an editor does not:
// with one of them in the file, the lines of all problems below it would be wrong.
var strayBreak = regexp.MustCompile(`\r(?:[^\n]|$)|[\x{85}\x{2028}\x{2029}]`)

// encodingProblem finds text in which lines cannot be counted as an editor counts them.
func encodingProblem(content []byte) *Problem {
	at, p := 0, &Problem{}
	for at < len(content) {
		r, size := utf8.DecodeRune(content[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	stray := strayBreak.FindIndex(content)
	switch {
	case at < len(content):
		p.What, p.Fix = "not valid UTF-8", "save the file as UTF-8"
	case stray != nil:
		at = stray[0]
		r, _ := utf8.DecodeRune(content[at:])
		p.What = fmt.Sprintf("the character %U stands here, which ends a line for YAML and for hardly any editor", r)
		p.Fix = "remove it, or end the line with a line feed"
	default:
		return nil
	}
	before := content[:at]
	p.Line = bytes.Count(before, []byte("\n")) + 1
	p.Column = utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return p
}

// The parser's messages are sentences of its own, but for the name of an anchor,
// which can be an unquoted password that begins with an asterisk.
var (
	lineInError = regexp.MustCompile(`line (\d+): `)
	quotedName  = regexp.MustCompile(`'[^']{2,}'`)
)

func syntaxProblem(content []byte, err error) *Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := lineInError.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = strings.Replace(text, m[0], "", 1)
	}
	if strings.Contains(text, "anchor") {
		p := anchorProblem(content)
		return &p
	}
	if located, ok := breakLine(content); ok {
		line = located
	}
	lines := bytes.Split(content, []byte("\n"))
	line = min(max(line, 1), len(lines))
	p := &Problem{
		Line: line, Column: breakColumn(lines[line-1], text),
		What: "not valid YAML: " + quotedName.ReplaceAllString(text, "something"),
	}
	if bytes.HasPrefix(bytes.TrimLeft(lines[line-1], " "), []byte("\t")) {
		p.Fix = "indent with spaces, not with tabs"
	} else {
		p.Fix = "look at the indentation, the colons and the quotes here and just above"
	}
	return p
}

// anchorProblem finds an alias without its anchor. Text that begins with * or & has
// to be quoted, and that is most often the reason.
func anchorProblem(content []byte) Problem {
	p := Problem{
		Line: 1, Column: 1,
		What: "not valid YAML: a value begins with * and so refers to an anchor that does not exist",
		Fix:  "put the value in quotes",
	}
	known := make(map[string]bool)
	for i, line := range bytes.Split(content, []byte("\n")) {
		for _, m := range anchorOrAlias.FindAllSubmatchIndex(line, -1) {
			name := string(line[m[4]:m[5]])
			switch sign := line[m[2]]; {
			case sign == '&':
				known[name] = true
			case !known[name]:
				p.Line, p.Column = i+1, m[2]+1
				return p
			}
		}
	}
	return p
}

var anchorOrAlias = regexp.MustCompile(`(?:^|[\s:\[{,-])([&*])([^\s,\[\]{}]+)`)

// endings complete a file that was cut off inside of something.
var endings = []string{"", "\"", "'", "]", "}", "]]", "]}", "}]", "}}", "\"]", "\"}", "']", "'}", "\"]}", "']}"}

// breakLine finds the first line with which no ending makes the file valid any more:
// the parser itself often names the start of the block around it. Long files are
// left to the parser.
func breakLine(content []byte) (line int, ok bool) {
	const most = 64 << 10
	if len(content) > most {
		return 0, false
	}
	lines := bytes.SplitAfter(content, []byte("\n"))
	offsets := make([]int, len(lines)+1)
	for i, l := range lines {
		offsets[i+1] = offsets[i] + len(l)
	}
	good, bad := 0, len(lines)+1
	for bad-good > 1 {
		middle := (good + bad) / 2
		if completes(content[:offsets[middle]]) {
			good = middle
		} else {
			bad = middle
		}
	}
	return bad, bad <= len(lines)
}

func completes(prefix []byte) bool {
	for _, ending := range endings {
		var n yaml.Node
		err := yaml.Unmarshal(append(prefix[:len(prefix):len(prefix)], ending...), &n)
		if err == nil || strings.Contains(err.Error(), "anchor") {
			return true
		}
	}
	return false
}

// breakColumn points at what the parser's message is about, or at the line's first
// character.
func breakColumn(line []byte, message string) int {
	first := len(line) - len(bytes.TrimLeft(line, " ")) + 1
	find := func(pattern string) int {
		if i := regexp.MustCompile(pattern).FindSubmatchIndex(line); i != nil {
			return i[2] + 1
		}
		return first
	}
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("\t")):
		return first
	case strings.Contains(message, "cannot start any token"):
		return find("(?:^|[\\s:\\[{,-])([@`%\\t])")
	case strings.Contains(message, "mapping values are not allowed"):
		return find(`:\s[^:]*?(:)(?:\s|$)`)
	}
	return first
}
