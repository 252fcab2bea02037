package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// language parses PromQL as Prometheus does without any experimental feature.
func language() parser.Parser { return parser.NewParser(parser.Options{}) }

// macros are what Grafana fills in, with something of the same type.
var macros = strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "1h")

// expression returns what is wrong with an expression, and the labels that it may have
// in its result. An error means that it does not even parse.
func (c catalogue) expression(text string) (mistakes []string, err error) {
	expr, err := language().ParseExpr(macros.Replace(text))
	if err != nil {
		return nil, err
	}
	complain := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			c.selector(n, path, complain)
		case *parser.AggregateExpr:
			c.grouping(n.Expr, n.Grouping, complain)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				c.grouping(n, slices.Concat(n.VectorMatching.MatchingLabels, n.VectorMatching.Include), complain)
			}
			denominator(n, complain)
		case *parser.Call:
			if n.Func.Name == "histogram_quantile" {
				quantile(n, complain)
			}
		}
		return nil
	})
	return mistakes, nil
}

// selector wants a series that exists, labels that it has, and counters to be looked
// at over time.
func (c catalogue) selector(v *parser.VectorSelector, path []parser.Node, complain func(string, ...any)) {
	name := v.Name
	for _, m := range v.LabelMatchers {
		if m.Name == "__name__" {
			name = m.Value
		}
	}
	known, ok := c[name]
	if !ok {
		complain("there is no series %s%s", name, c.didYouMean(name))
		return
	}
	for _, m := range v.LabelMatchers {
		if m.Name != "__name__" && known.labels != nil && !slices.Contains(known.labels, m.Name) {
			complain("%s has no label %s", name, m.Name)
		}
		for _, text := range never(m, known.values[m.Name]) {
			complain("%s never has %s=%q, but %s", name, m.Name, text, strings.Join(known.values[m.Name], ", "))
		}
	}
	over := ""
	for i := len(path) - 1; i >= 0 && over == ""; i-- {
		if call, ok := path[i].(*parser.Call); ok {
			over = call.Func.Name
		}
	}
	change := slices.Contains([]string{"rate", "increase", "irate", "resets"}, over)
	switch {
	case known.kind == "counter" && !change && over != "absent" && over != "absent_over_time":
		complain("%s is a counter and is neither in rate() nor in increase()", name)
	case known.kind == "gauge" && change:
		complain("%s is no counter and is in %s()", name, over)
	}
}

// grouping wants labels that some series below has.
func (c catalogue) grouping(below parser.Expr, labels []string, complain func(string, ...any)) {
	var known []string
	open := false
	parser.Inspect(below, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			s, found := c[v.Name]
			open = open || !found || s.labels == nil
			known = append(known, s.labels...)
		}
		if call, ok := n.(*parser.Call); ok && (call.Func.Name == "label_replace" || call.Func.Name == "label_join") {
			open = true // these make labels
		}
		return nil
	})
	for _, l := range labels {
		if !open && !slices.Contains(known, l) {
			complain("nothing here has a label %s", l)
		}
	}
}

// denominator wants a division by a series to leave out zero: a ratio over nothing is
// no number, and a dashboard shows it as a gap of unknown cause.
func denominator(b *parser.BinaryExpr, complain func(string, ...any)) {
	if b.Op != parser.DIV || b.RHS.Type() == parser.ValueTypeScalar {
		return
	}
	below := b.RHS
	for {
		paren, ok := below.(*parser.ParenExpr)
		if !ok {
			break
		}
		below = paren.Expr
	}
	if compared, ok := below.(*parser.BinaryExpr); ok && compared.Op.IsComparisonOperator() && !compared.ReturnBool {
		return
	}
	complain("divides by %s, which may be 0: write (... > 0)", b.RHS)
}

// quantile wants the buckets to be still there.
func quantile(call *parser.Call, complain func(string, ...any)) {
	sum, ok := call.Args[1].(*parser.AggregateExpr)
	if ok && (sum.Without == slices.Contains(sum.Grouping, "le")) {
		complain("histogram_quantile() needs the label le, and it is aggregated away")
	}
}
