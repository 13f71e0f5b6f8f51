package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
)

type sink struct {
	mu    sync.Mutex
	lines []string
	each  func(line string)
}

func (s *sink) Emit(e event.Event) {
	if e.Log == nil {
		return
	}
	s.mu.Lock()
	s.lines = append(s.lines, fmt.Sprint(e.Log.Data["stream"], ": ", e.Log.Text))
	s.mu.Unlock()
	if s.each != nil {
		s.each(e.Log.Text)
	}
}

// run runs the stage as the engine does; it returns the output folder.
func run(t *testing.T, ctx context.Context, p Params, s *sink) (string, engine.Out, error) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("process groups are tested on Linux")
	}
	root, work := t.TempDir(), t.TempDir()
	ports, err := Stage{}.Outputs(map[string]any{"outputs": p.Outputs})
	if err != nil {
		return root, engine.Out{}, err
	}
	out := engine.Out{Root: root, Ports: map[string]string{}, Notes: map[string]any{}}
	for _, port := range ports {
		out.Ports[port.Name] = filepath.Join(root, filepath.FromSlash(port.Rel()))
	}
	in := engine.In{Params: &p, Work: work, CPU: 1, Env: map[string]string{"PATH": os.Getenv("PATH"), "FROM_RECIPE": "yes"}, Events: event.Stage{Sink: s}}
	return root, out, Stage{}.Run(ctx, in, out)
}

func TestParametersMakeASchema(t *testing.T) {
	t.Parallel()
	if _, err := param.Of(Stage{}.Describe().Params); err != nil {
		t.Fatal(err)
	}
}

func TestRunsACommandBetweenItsInputsAndOutputs(t *testing.T) {
	t.Parallel()
	input := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(input, []byte("b\na\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &sink{}
	root, out, err := run(t, t.Context(), Params{
		Run:     `sort "$IN" > "$OUT/sorted.txt"; env | grep -v -e ^PWD -e ^SHLVL -e ^_= -e ^OLDPWD | cut -d= -f1 | sort > "$OUT/deep/env"; echo "$WORD $FROM_RECIPE"; echo oops >&2; printf 'no end'`,
		Inputs:  map[string]artifact.Ref{"IN": {Path: input}},
		Outputs: map[string]any{"sorted": "sorted.txt", "env": map[string]any{"path": "$OUT/deep/env", "kind": "text"}},
		Env:     map[string]string{"WORD": "hi"},
	}, s)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"sorted.txt": "a\nb\n", "deep/env": "FROM_RECIPE\nIN\nOUT\nPATH\nTMPDIR\nWORD\n"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if d := cmp.Diff(want, string(b)); d != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
	have := map[string]bool{}
	for _, l := range s.lines {
		have[l] = true
	}
	if d := cmp.Diff(map[string]bool{"stdout: hi yes": true, "stderr: oops": true, "stdout: no end": true}, have); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]any{"lines": map[string]any{"stdout": 2, "stderr": 1}}, out.Notes); d != "" {
		t.Error(d)
	}
}

func TestFailuresSayWhatHappened(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run, text, hint string
		outputs         map[string]any
		code            int
	}{
		"an exit status, with the last lines": {run: "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exit 3", text: "exit status 3; its last lines:\n  line 3\n", code: fault.Compute},
		"a program that is not there":         {run: "no-such-program-at-all", text: "exit status 127", hint: "not found", code: fault.Compute},
		"a signal":                            {run: "kill -9 $$", text: "signal: killed", code: fault.Compute},
		"an output that was not written":      {run: "true", text: "did not write $OUT/o.txt", hint: "outputs", code: fault.Data},
		"a link out of the output":            {run: "ln -s /etc/passwd $OUT/o.txt", text: "link out of $OUT", code: fault.Data},
		"a link out of it deep inside":        {run: "mkdir $OUT/o.txt; ln -s / $OUT/o.txt/root", text: "link out of $OUT", code: fault.Data},
		"a dangling link":                     {run: "ln -s gone $OUT/o.txt", text: "check output", code: fault.Data},
		"a pipe as output":                    {run: "mkfifo $OUT/o.txt", text: "neither a file nor a folder", code: fault.Data},
		"a folder moved out by a link":        {run: "ln -s .. $OUT/d", outputs: map[string]any{"o": "d/x"}, text: "", code: fault.Data},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.outputs == nil {
				c.outputs = map[string]any{"o": "o.txt"}
			}
			_, _, err := run(t, t.Context(), Params{Run: c.run, Outputs: c.outputs}, &sink{})
			if err == nil || !strings.Contains(err.Error(), c.text) || !strings.Contains(fault.HintOf(err), c.hint) || c.text != "" && fault.CodeOf(err) != c.code {
				t.Errorf("code %d, error %v, hint %q", fault.CodeOf(err), err, fault.HintOf(err))
			}
		})
	}
}

func TestALinkThatStaysInsideIsAnOutput(t *testing.T) {
	t.Parallel()
	if _, _, err := run(t, t.Context(), Params{Run: "echo x > $OUT/real; ln -s real $OUT/o.txt", Outputs: map[string]any{"o": "o.txt"}}, &sink{}); err != nil {
		t.Error(err)
	}
}

func TestOutputsAreCheckedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		outputs any
		text    string
	}{
		"none":               {map[string]any{}, "without outputs"},
		"not a map":          {"x", "want a map"},
		"an absolute path":   {map[string]any{"o": "/tmp/x"}, "below $OUT"},
		"a path out":         {map[string]any{"o": "a/../../x"}, "below $OUT"},
		"a backslash":        {map[string]any{"o": `..\x`}, "below $OUT"},
		"no path":            {map[string]any{"o": map[string]any{"kind": "text"}}, "below $OUT"},
		"an unknown kind":    {map[string]any{"o": map[string]any{"path": "x", "kind": "txt"}}, "unknown kind"},
		"an unknown key":     {map[string]any{"o": map[string]any{"path": "x", "type": "text"}}, "unknown key"},
		"a number":           {map[string]any{"o": int64(3)}, "want a path"},
		"a name with dashes": {map[string]any{"a-b": "x"}, "identifier"},
	} {
		if _, err := (Stage{}).Outputs(map[string]any{"outputs": c.outputs}); err == nil || !strings.Contains(err.Error(), c.text) || fault.CodeOf(err) != fault.Recipe {
			t.Errorf("%s: %v", name, err)
		}
	}
	ports, err := Stage{}.Outputs(map[string]any{"outputs": map[string]any{"b": "x/./y", "a": map[string]any{"path": ".", "kind": "dir"}}})
	if d := cmp.Diff([]artifact.Port{{Name: "a", Kind: artifact.Dir, Path: "."}, {Name: "b", Path: "x/y"}}, ports); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
}

func TestNamesInTheEnvironmentAreChecked(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Params{
		"an input called OUT":    {Inputs: map[string]artifact.Ref{"OUT": {Path: "/x"}}},
		"a variable twice":       {Inputs: map[string]artifact.Ref{"A": {Path: "/x"}}, Env: map[string]string{"A": "b"}},
		"a name with a dash":     {Env: map[string]string{"A-B": "x"}},
		"a value with a NUL":     {Env: map[string]string{"A": "x\x00y"}},
		"a name with an =":       {Env: map[string]string{"A=B": "x"}},
		"a name without letters": {Env: map[string]string{"": "x"}},
	} {
		p.Run, p.Outputs = "true", map[string]any{"o": "."}
		if _, _, err := run(t, t.Context(), p, &sink{}); fault.CodeOf(err) != fault.Recipe {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// gone waits until a process has ended; the deadline is generous, the wait is not.
func gone(pid int) bool {
	for range 5000 {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
			return true
		}
		if b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(b), ") Z ") {
			return true // ended, and nobody has asked yet
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func TestCancellingEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"those who listen": `sleep 1000 & echo $!; wait`,
		"those who do not": `trap '' TERM; (trap '' TERM; sleep 1000; sleep 1000) & echo $!; wait; wait`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			pid := 0
			s := &sink{each: func(line string) {
				pid, _ = strconv.Atoi(line)
				cancel()
			}}
			begun := make(chan time.Time, 1)
			context.AfterFunc(ctx, func() { begun <- time.Now() })
			_, _, err := run(t, ctx, Params{Run: line, Outputs: map[string]any{"o": "."}}, s)
			if !errors.Is(err, context.Canceled) || pid == 0 || !gone(pid) {
				t.Errorf("error %v, process %d", err, pid)
			}
			if took := time.Since(<-begun); took > 5*time.Second { // a second is granted; the rest is for a busy machine
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestProcessesLeftBehindAreEnded(t *testing.T) {
	t.Parallel()
	pid := 0
	s := &sink{each: func(line string) { pid, _ = strconv.Atoi(line) }}
	_, _, err := run(t, t.Context(), Params{Run: `sleep 1000 </dev/null >/dev/null 2>&1 & echo $!; touch $OUT/o`, Outputs: map[string]any{"o": "o"}}, s)
	if err != nil || pid == 0 || !gone(pid) {
		t.Errorf("error %v, process %d", err, pid)
	}
}

func TestLongAndOddLinesAreTamed(t *testing.T) {
	t.Parallel()
	s := &sink{}
	tl := newTail(event.Stage{Sink: s}, nil)
	w := tl.writer("stdout")
	for _, p := range []string{"a", "b\nc\r\n\n", strings.Repeat("x", maxLine+5), "\n\x1b[31mred\x1b[0m \xff\n", "end"} {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	w.flush()
	w.flush()
	want := []string{"ab", "c", "", strings.Repeat("x", maxLine), "xxxxx", "[31mred[0m \uFFFD", "end"}
	for i := range want {
		want[i] = "stdout: " + want[i]
	}
	if d := cmp.Diff(want, s.lines); d != "" {
		t.Error(d)
	}
}
