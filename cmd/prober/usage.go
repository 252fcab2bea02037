package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dark-tower/prober/internal/setup"
)

// group makes cmd one that only has others below it: without any of them it
// prints its help.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.DisableFlagsInUseLine = true
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		return fmt.Errorf("%s has no command %q%s", shortName(cmd), args[0], suggest(cmd, args[0], "", names))
	}
	return cmd
}

// noArguments is for commands that are told everything by flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if cmd.Flags().Lookup("probe") != nil {
		hint = fmt.Sprintf(" (a probe is named with --probe %s)", args[0])
	}
	return fmt.Errorf("%s takes flags only, not %q%s%s", shortName(cmd), args[0], hint, seeHelp(cmd))
}

// shortName is a command's name where everybody knows whose command it is.
func shortName(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

func seeHelp(cmd *cobra.Command) string { return fmt.Sprintf("; see `%s --help`", cmd.CommandPath()) }

// suggest says what word may have meant, or where to look.
func suggest(cmd *cobra.Command, word, prefix string, words []string) string {
	// Commands know which of their names is near to a word.
	near := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, w := range words {
		near.AddCommand(&cobra.Command{Use: w, Run: func(*cobra.Command, []string) {}})
	}
	if s := near.SuggestionsFor(word); len(s) > 0 {
		slices.Sort(s)
		return fmt.Sprintf("; did you mean %s%s?", prefix, strings.Join(s, " or "+prefix))
	}
	return seeHelp(cmd)
}

// flagError says what is wrong with a flag, and what would be right.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		return fmt.Errorf("there is no flag --%s%s", unknown.GetSpecifiedName(), suggest(cmd, unknown.GetSpecifiedName(), "--", names))
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s %s: %w", invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	return fmt.Errorf("%w%s", err, seeHelp(cmd))
}

// choice is a flag with a closed set of values.
type choice struct {
	value   *string
	allowed []string
}

func (c choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

func (c choice) Type() string { return "string" }

func (c choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		last := len(c.allowed) - 1
		return fmt.Errorf("must be %s or %s", strings.Join(c.allowed[:last], ", "), c.allowed[last])
	}
	*c.value = s
	return nil
}

func addChoice(cmd *cobra.Command, value *string, name, shorthand, preset, usage string, allowed ...string) {
	*value = preset
	var c pflag.Value = choice{value, allowed}
	cmd.Flags().VarP(c, name, shorthand, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
}

// number is a flag that counts something.
type number struct {
	value *int
	most  int
}

func (n number) String() string {
	if n.value == nil {
		return ""
	}
	return strconv.Itoa(*n.value)
}

func (n number) Type() string { return "int" }

func (n number) Set(s string) error {
	i, err := strconv.Atoi(s)
	if err != nil || i < 1 || i > n.most {
		return fmt.Errorf("must be a whole number from 1 to %d", n.most)
	}
	*n.value = i
	return nil
}

func addNumber(cmd *cobra.Command, value *int, name, shorthand string, preset, most int, usage string) {
	*value = preset
	cmd.Flags().VarP(number{value, most}, name, shorthand, usage)
}

func addConfigFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", setup.DefaultConfig, "configuration `file`")
}

func addFileFlags(cmd *cobra.Command, files *setup.Files) {
	addConfigFlag(cmd, &files.Config)
	cmd.Flags().StringVar(&files.Lanes, "lanes", "", "lane `file`, which holds the meetings that provision made (default: $"+
		setup.LanesVariable+", or else dark-tower-prober/lanes.json in $XDG_STATE_HOME or ~/.local/state)")
}

func addVerboseFlag(cmd *cobra.Command, verbose *bool) {
	cmd.Flags().BoolVarP(verbose, "verbose", "v", false, "log to standard error what happens underneath")
}
