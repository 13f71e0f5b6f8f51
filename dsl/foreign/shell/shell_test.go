package shell_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/foreign/shell"
	"github.com/belay-ml/belay/dsl/pos"
)

func file(text string) *pos.File { return pos.NewFile("a.sh", "/w/a.sh", "/w", text) }

// fields are the commands of a script, an argument each, with ? before those that are not wholly known.
func fields(s *shell.Script) [][]string {
	var all [][]string
	for _, c := range s.Commands {
		var one []string
		for _, f := range c.Fields {
			if !f.Known() {
				one = append(one, "?"+f.Text)
				continue
			}
			one = append(one, f.Text)
		}
		all = append(all, one)
	}
	return all
}

func TestCommandsAreReadAsBashWouldPassThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script string
		want         [][]string
	}{
		{"words", "a b  c # d", [][]string{{"a", "b", "c"}}},
		{"a continued line", "a \\\n  b \\\n\nc", [][]string{{"a", "b"}, {"c"}}},
		{"lines that end as on Windows", "A=\"x \\\r\n y\"\r\na $A \\\r\n z\r\n", [][]string{{"a", "x", "y", "z"}}},
		{"quotes and escapes", `a "b c" 'd $e' f\ g "h\"i\\" $'j\tk' ''`, [][]string{{"a", "b c", "d $e", "f g", `h"i\`, "j\tk", ""}}},
		{"a group of arguments", "A=\"\n  --x 1 \\\n  --y 'q'\n\"\nrun $A", [][]string{{"run", "--x", "1", "--y", "'q'"}}},
		{"a group in quotes stays one", "A='b c'\nrun \"$A\" x$A", [][]string{{"run", "b c", "xb", "c"}}},
		{"quotes that end and begin again", "P=6\nA=\"--log=\"d\" $P\"\nrun $A", [][]string{{"run", "--log=d", "6"}}},
		{"an array", "A=(--x 1 \"b c\")\nA+=(d)\nrun \"${A[@]}\" ${A[*]}", [][]string{{"run", "--x", "1", "b c", "d", "--x", "1", "b", "c", "d"}}},
		{"an empty variable is no argument", "A=\nrun $A b", [][]string{{"run", "b"}}},
		{"appended text", "A=x\nA+=' y'\nrun $A", [][]string{{"run", "x", "y"}}},
		{"defaults", "B=\nrun ${A:-1} ${B:-2} ${B-3} ${C:=4} $C", [][]string{{"run", "1", "2", "4", "4"}}},
		{"arithmetic", "N=8\nM=2\nrun $(($N*M+1)) $((N/0)) $((9%4)) $((-N)) $((1<<2))", [][]string{{"run", "17", "?$((N/0))", "1", "-8", "?$((1<<2))"}}},
		{"arithmetic beyond 64 bits", "run $((9223372036854775807+1))", [][]string{{"run", "?$((9223372036854775807+1))"}}},
		{"substitutions are not run", "run $(touch x) `id` a$(b)c <(d)", [][]string{{"run", "?$(touch x)", "?`id`", "?a$(b)c", "?<(d)"}}},
		{"what comes from outside", "run $1 $HOME/x \"$@\" ${X:?no} ${A%/} ${#A}", [][]string{{"run", "?$1", "?$HOME/x", "?$@", "?${X:?no}", "?${A%/}", "?${#A}"}}},
		{"a pipe's left side", "run a | tee log", [][]string{{"run", "a"}}},
		{"lists, blocks and subshells", "{ a; b; } && (c) ; d &", [][]string{{"a"}, {"b"}, {"c"}, {"d"}}},
		{"what may not run", "[ -d x ] && a && b\nc || d\n[[ -n $X ]] || e", [][]string{{"c"}}},
		{"a branch not taken sets nothing", "A=1\nif x; then A=2; B=3; fi\nrun $A $B", [][]string{{"run", "?$A", "?$B"}}},
		{"loops and functions", "for i in 1 2; do run $i; done\nf() { Y=1; run; }\nwhile read Z; do :; done\ncase a in a) Q=1;; esac\nrun $i $Y $Z $Q", [][]string{{"run", "?$i", "?$Y", "?$Z", "?$Q"}}},
		{"declared variables", "export A=1 B\ndeclare -r C=2\nrun $A $C $B", [][]string{{"run", "1", "2", "?$B"}}},
		{"what is typed in", "A=1\nread A\nrun $A", [][]string{{"run", "?$A"}}},
		{"an item set", "A=(1)\nA[0]=2\nrun $A", [][]string{{"run", "?$A"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, l := shell.Read(file(c.script))
			if s == nil {
				t.Fatal(l)
			}
			if d := cmp.Diff(c.want, fields(s)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestArgumentsLieWhereTheyAreWritten(t *testing.T) {
	t.Parallel()
	s, l := shell.Read(file("# ü\nTP=8\nARGS=\"\n    --tp ${TP} \\\n    --ü \\\n    --lr 1\"\nrun $ARGS --x \"a b\" $(y)\n"))
	if s == nil {
		t.Fatal(l)
	}
	var got []string
	for _, f := range s.Commands[0].Fields {
		got = append(got, f.Text+" "+f.Span.String())
	}
	want := []string{
		"run a.sh:7:1", "--tp a.sh:4:5", "8 a.sh:2:4", "--ü a.sh:5:5", "--lr a.sh:6:5", "1 a.sh:6:10",
		"--x a.sh:7:11", "a b a.sh:7:16", "$(y) a.sh:7:21",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWhatIsNotFollowedIsNoted(t *testing.T) {
	t.Parallel()
	s, l := shell.Read(file("export A=1\nif x; then\n  run\nfi\nX=1 run a > log 2>&1 <<EOF\ntext\nEOF\nrun < in | tee out\n"))
	if s == nil {
		t.Fatal(l)
	}
	var got []string
	add := func(ns []shell.Note) {
		for _, n := range ns {
			got = append(got, n.Span.String()+" "+n.Text+": "+n.Why)
		}
	}
	add(s.Notes)
	for _, c := range s.Commands {
		add(c.Notes)
	}
	want := []string{
		"a.sh:1:8 export A=1: an environment variable of the reference's programs",
		"a.sh:2:1 if x; then run fi: a condition is not decided: what stands inside is not imported",
		"a.sh:5:1 X=1: an environment variable of the reference's programs",
		"a.sh:5:11 > log: belay keeps the logs of its runs",
		"a.sh:5:17 2>&1: belay keeps the logs of its runs",
		"a.sh:5:22 <<EOF: a here-document is not read",
		"a.sh:8:12 | tee out: belay keeps the logs of its runs",
		"a.sh:8:5 < in: what a program reads from its standard input is not followed",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTextsThatAreNoScriptsAreErrorsWithAPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"an open quote", "a\nb \"c\n", "a.sh:2:3: not bash: reached EOF without closing quote `\"`"},
		{"another shell's words", "function { a }", "a.sh:1:1: not bash: "},
		{"a wrong word", "fi\n", "a.sh:1:1: not bash: "},
		{"bytes", "a \xff", "a.sh:1:3: byte 0xff is not UTF-8"},
		{"a binary", "PK\x03\x04\x00", "a.sh:1:5: byte 0 stands in the file"},
		{"a giant", strings.Repeat("a\n", shell.MaxBytes), "a.sh:1:1: the script has 131072 bytes, more than the 64 KiB"},
		{"what nests", strings.Repeat("( ", 5000), "a.sh:1:8001: the script has more than 4000 brackets"},
		{"a bomb", "A=0123456789\n" + strings.Repeat("A=$A$A$A$A\n", 60), "the script's values grow beyond what is read of one"},
		{"an array bomb", "A=(a b c)\n" + strings.Repeat("A+=(\"${A[@]}\" \"${A[@]}\")\n", 60), "the script's values grow beyond"},
		{"too many arguments", "A=\"" + strings.Repeat("a ", 30000) + "\"\nrun $A\n", "the script's values grow beyond"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, l := shell.Read(file(c.text))
			if s != nil || !strings.Contains(l.Error(), c.want) {
				t.Errorf("have %v, want %q", l, c.want)
			}
		})
	}
}

// TestWhatNestsEndsWithAReason gives the parser all that recurses, as much as a file may hold: a stack that overflows would end the
// program.
func TestWhatNestsEndsWithAReason(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{
		"(", "( ", "$(", "${a:-", "if ", "{ ", "a && ", "[ a ] || ", "a | ", "! ", "\"$(", "`", "a() ", "a <<b;", "$((", "-", "- ", "-\n", "~", "a=", "a?", "a**",
		"case a in a) ", "while ", "[[ ! ", "${a[", "function f { ", "time ", "<(", "@(", "a\\`",
	} {
		for _, lead := range []string{"", "echo $((", "[[ "} {
			text := lead + strings.Repeat(unit, (shell.MaxBytes-len(lead))/len(unit))
			if s, l := shell.Read(file(text)); s == nil && len(l) == 0 {
				t.Errorf("%s%s...: neither a script nor a reason", lead, unit)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"A=\"--x 1 \\\n --y\"\ntorchrun $A a.py \"${B[@]}\" | tee x", "export A=${B:-$(c)} && d $((A*2)) <<E\nx\nE\n",
		"A=(1 '2' $'3\\n')\nA+=(\"${A[@]}\")\nrun ${A[*]}\\\n x", "if a; then B=1; fi\nfor i in $A; do :; done", "\\\r\n\"\\\r\n\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, l := shell.Read(file(text))
		if (s == nil) != l.HasErrors() {
			t.Fatalf("script %v, findings %v", s, l)
		}
		if s == nil {
			return
		}
		for _, c := range s.Commands {
			if len(c.Fields) == 0 {
				t.Fatal("a command without a program")
			}
			for _, a := range c.Fields {
				if !a.Span.Known() || !utf8.ValidString(a.Text) {
					t.Fatalf("argument %q at %v", a.Text, a.Span)
				}
			}
		}
	})
}
