package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
)

// stageLine is what the command line of a stage gives: its parameters, each also a flag of its own name and of its
// aliases, in the order in which they stand there. A flag of the command itself (--out, --json) wins over a parameter of
// the same name, which --with then gives.
type stageLine struct {
	kind   string
	schema param.Schema
	out    string
	cpus   int
	flags  *pflag.FlagSet
	seen   []*seenFlag
}

// seenFlag is a flag on the line. Words behind it that are no flags belong to it too: --lora-target-modules a b.
type seenFlag struct {
	name  string   // as parameters are spelled
	as    string   // as flags are spelled
	texts []string // none of a flag that stands by itself
	taken bool     // the first text was joined to the flag
	words int      // words on the line before it
}

// alone is the value of a flag that none was joined to.
const alone = "\x00"

// flagValue is the value of every flag of a stage's own: it notes what is given, where.
type flagValue struct {
	line *stageLine
	name string
	own  pflag.Value // of a flag of the command, which keeps its value there; nil of parameters
}

func (w *flagValue) Set(text string) error {
	s := &seenFlag{name: strings.ReplaceAll(w.name, "-", "_"), as: "--" + w.name, words: w.line.flags.NArg()}
	if text != alone {
		s.texts, s.taken = []string{text}, true
	}
	if w.own != nil {
		if err := w.own.Set(text); err != nil {
			return err
		}
	}
	w.line.seen = append(w.line.seen, s)
	return nil
}

func (w *flagValue) Type() string {
	if w.own != nil {
		return w.own.Type()
	}
	return "string"
}

func (w *flagValue) String() string {
	if w.own != nil {
		return w.own.String()
	}
	return ""
}

// Names of the stage command's own flags that are read as words.
const (
	withFlag = "with"
	outFlag  = "out"
	cpusFlag = "cpus"
)

// own says whether a flag is one of the command, and no parameter.
func (s *seenFlag) own() bool { return s.name == withFlag || s.name == outFlag || s.name == cpusFlag }

// ofParameter marks flags that are parameters, which the help lists in its table.
const ofParameter = "belay_parameter"

func newStageLine(c *cobra.Command, kind string, schema param.Schema) *stageLine {
	l := &stageLine{kind: kind, schema: schema, flags: c.Flags()}
	l.flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	l.flags.VarP(&flagValue{line: l, name: withFlag}, withFlag, "w", "a parameter: --with seq_length=512")
	l.flags.StringVarP(&l.out, outFlag, "o", "", "directory for the outputs; must not exist or be empty")
	l.flags.IntVar(&l.cpus, cpusFlag, 0, "cores to use; 0 means all")
	for _, name := range []string{outFlag, cpusFlag} { // which end the words of the flag before them
		f := l.flags.Lookup(name)
		f.Value = &flagValue{line: l, name: name, own: f.Value}
	}
	for i := range schema.Fields {
		f := &schema.Fields[i]
		for _, name := range append([]string{f.Name}, f.Aliases...) {
			l.parameter(c, f, strings.ReplaceAll(name, "_", "-"))
		}
	}
	c.SetUsageFunc(l.usage)
	return l
}

// parameter declares a flag of a parameter, unless the command has one of that name.
func (l *stageLine) parameter(c *cobra.Command, f *param.Field, name string) {
	if l.flags.Lookup(name) != nil || slices.Contains(commandFlags(), name) {
		return
	}
	flag := l.flags.VarPF(&flagValue{line: l, name: name}, name, "", f.Doc)
	flag.Annotations = map[string][]string{ofParameter: {f.Name}}
	values := f.Enum
	if f.Type == param.Bool {
		flag.NoOptDefVal, values = alone, []string{"true", "false"}
	}
	if values = slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" }); len(values) > 0 {
		if err := c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err)
		}
	}
}

// commandFlags are those that every command has.
func commandFlags() []string { return []string{"help", "json", "log-format", "quiet", "verbose"} }

// declareUnknown declares the flags on a line of `belay stage KIND` that are no parameters, so that they are read with
// their words and judged together: they may be those of the program that the stage stands for.
func declareUnknown(root *cobra.Command, args []string) {
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		args = args[1 : len(args)-1] // what is being completed is no flag yet
	}
	c, rest, err := root.Find(args)
	if err != nil || c == root {
		return
	}
	with := c.Flags().Lookup(withFlag)
	if with == nil {
		return
	}
	w, ok := with.Value.(*flagValue)
	if !ok {
		return
	}
	for _, text := range rest {
		name, found := strings.CutPrefix(text, "--")
		name, _, _ = strings.Cut(strings.ReplaceAll(name, "_", "-"), "=")
		if text == "--" {
			return
		}
		if !found || name == "" || c.Flags().Lookup(name) != nil || slices.Contains(commandFlags(), name) {
			continue
		}
		f := w.line.flags.VarPF(&flagValue{line: w.line, name: name}, name, "", "")
		f.NoOptDefVal, f.Hidden = alone, true
	}
}

// read deals the words between flags to the flags before them.
func (l *stageLine) read(words []string) error {
	for i, s := range l.seen {
		to := len(words)
		if i+1 < len(l.seen) {
			to = l.seen[i+1].words
		}
		more := words[s.words:to]
		f, known := l.schema.Lookup(s.name)
		many := !known || f.Type == param.List || f.Type == param.Inputs
		if len(more) > 0 && (s.own() || !many && (s.taken || len(more) > 1)) {
			return unexpected(more[len(more)-1])
		}
		s.texts = append(s.texts, more...)
	}
	if first := len(words); first > 0 {
		if len(l.seen) > 0 {
			first = l.seen[0].words
		}
		if first > 0 {
			return unexpected(words[0])
		}
	}
	return nil
}

func unexpected(text string) error {
	return fault.New(fault.Usage, "unexpected argument %q", text).WithHint("parameters are given as --name value")
}

// own says whether all flags are parameters by their own names, which mean what the help says whatever other program has
// flags of these names.
func (l *stageLine) own() bool {
	return !slices.ContainsFunc(l.seen, func(s *seenFlag) bool {
		f, known := l.schema.Lookup(s.name)
		return !s.own() && (!known || f.Name != s.name)
	})
}

// given are the parameters for the compiler.
func (l *stageLine) given() ([]compile.Given, error) {
	var out []compile.Given
	for _, s := range l.seen {
		switch _, known := l.schema.Lookup(s.name); {
		case s.name == withFlag:
			out = append(out, compile.With(s.texts[0]))
		case s.own():
		case !known:
			return nil, l.unknown(s)
		default:
			out = append(out, givenOf(s.as, s.name, s.texts))
		}
	}
	return out, nil
}

// givenOf is a parameter as it stands on a line. A flag by itself is true.
func givenOf(as, name string, texts []string) compile.Given {
	if len(texts) > 0 {
		as += " " + strings.Join(texts, " ")
	} else {
		texts = []string{"true"}
	}
	return compile.Given{As: as, Name: name, Texts: texts}
}

// unknown is about a flag that is neither a parameter nor known of the stage's program.
func (l *stageLine) unknown(s *seenFlag) error {
	var names []string
	l.flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	err := fault.New(fault.Usage, "unknown flag: %s", s.as)
	if near := param.Near(strings.TrimPrefix(s.as, "--"), names); near != "" {
		return err.WithHint("did you mean --%s?", near)
	}
	return err.WithHint("see belay stage %s --help", l.kind)
}

// usage prints the command's own flags: the parameters stand in the text above them.
func (l *stageLine) usage(c *cobra.Command) error {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Annotations[ofParameter] == nil {
			own.AddFlag(f)
		}
	})
	_, err := fmt.Fprintf(c.OutOrStderr(), "Usage:\n  %s\n\nFlags:\n%s\nGlobal Flags:\n%s", c.UseLine(), own.FlagUsages(), c.InheritedFlags().FlagUsages())
	return err
}
