package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

// leastFrequent is the longest time between two runs of a probe: its interval, shared
// by the accounts of a probe that only signs in.
func leastFrequent(r repository) (time.Duration, error) {
	content, err := r.read(shipped)
	if err != nil {
		return 0, err
	}
	var c struct {
		Lanes []struct {
			Name     string
			Accounts int
		}
		Probes []struct {
			Flow, Interval string
			Lanes          []string
		}
	}
	if err := yaml.Unmarshal(content, &c); err != nil {
		return 0, err
	}
	var longest time.Duration
	for _, p := range c.Probes {
		interval, err := model.ParseDuration(p.Interval)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", shipped, err)
		}
		accounts := 0
		for _, l := range c.Lanes {
			if p.Flow == "sign_in" && slices.Contains(p.Lanes, l.Name) {
				accounts += l.Accounts
			}
		}
		longest = max(longest, time.Duration(interval)/time.Duration(max(accounts, 1)))
	}
	return longest, nil
}

// onAGoodDay wants a graph to show that all is well, and not nothing.
func onAGoodDay(rep *report, longest time.Duration, p panel) {
	if p.Type != "timeseries" {
		return
	}
	field := fmt.Sprintf("panel %d %q", p.ID, p.Title)
	if p.FieldConfig.Defaults.Custom.ScaleDistribution.Type == "log" {
		rep.addf(field, "a logarithmic scale has no place for 0: use symlog")
	}
	if slices.Contains(p.Options.Legend.Calcs, "sum") {
		rep.addf(field, "the steps of increase() overlap: a sum of them is no count")
	}
	filtered := len(p.Targets) > 0
	for _, t := range p.Targets {
		expr, err := language().ParseExpr(variableName.ReplaceAllString(macros.Replace(t.Expr), "x"))
		if err != nil {
			continue // another finding says so
		}
		filtered = filtered && comparison(expr)
		least, _ := model.ParseDuration(p.Interval)
		if sparse(expr) && time.Duration(least) < longest {
			rep.addf(field+": target "+t.RefID, "has gaps: some probe runs every %s only, and the panel's least step is %q", longest, p.Interval)
		}
	}
	if filtered {
		rep.addf(field, "is empty on a good day: add a series that says that nothing happened")
	}
}

// comparison reports whether an expression leaves out what does not compare.
func comparison(expr parser.Expr) bool {
	b, ok := expr.(*parser.BinaryExpr)
	return ok && b.Op.IsComparisonOperator() && !b.ReturnBool
}

// sparse reports whether an expression has no value where nothing ran, and shows rare
// things one by one: what is divided by, or what a quantile is of, comes to nothing
// between two runs.
func sparse(expr parser.Expr) bool {
	found := false
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.Call:
			found = found || n.Func.Name == "histogram_quantile" && rare(n.Args[1])
		case *parser.BinaryExpr:
			found = found || n.Op == parser.DIV && rare(n.RHS)
		}
		return nil
	})
	return found
}

// rare reports whether a rate is by probe, by way of losing the connection, or of a step
// that few runs have. Frames are seen by the probes of one flow only, and often.
func rare(below parser.Expr) bool {
	var by, steps []string
	rates, frames := false, false
	parser.Inspect(below, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.Call:
			rates = rates || n.Func.Name == "rate"
		case *parser.AggregateExpr:
			by = append(by, n.Grouping...)
		case *parser.VectorSelector:
			frames = frames || strings.HasPrefix(n.Name, "dt_synthetic_media_")
			for _, m := range n.LabelMatchers {
				if m.Name == "step" {
					steps = append(steps, strings.Split(m.Value, "|")...)
				}
			}
		}
		return nil
	})
	seldom := slices.Contains(steps, "sign_in") || len(steps) == 0 && slices.Contains(by, "step")
	return rates && !frames && (seldom || slices.Contains(by, "probe") || slices.Contains(by, "disconnect"))
}
