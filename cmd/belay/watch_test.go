package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// talk is a process whose messages are read as they come.
type talk struct {
	*testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	heard []string
}

func listen(t *testing.T, c *exec.Cmd) *talk {
	t.Helper()
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return &talk{T: t, cmd: c, lines: bufio.NewScanner(pipe)}
}

// until reads messages to the first that holds text, and gives those read.
func (k *talk) until(text string) string {
	k.Helper()
	var read []string
	for k.lines.Scan() {
		read = append(read, k.lines.Text())
		k.heard = append(k.heard, k.lines.Text())
		if strings.Contains(k.lines.Text(), text) {
			return strings.Join(read, "\n")
		}
	}
	k.Fatalf("the process ended before it said %q:\n%s", text, strings.Join(k.heard, "\n"))
	return ""
}

// end interrupts the process and gives its exit code.
func (k *talk) end() int {
	k.Helper()
	if err := k.cmd.Process.Signal(os.Interrupt); err != nil {
		k.Fatal(err)
	}
	for k.lines.Scan() {
		k.heard = append(k.heard, k.lines.Text())
	}
	_ = k.cmd.Wait()
	return k.cmd.ProcessState.ExitCode()
}

func (k *talk) write(name, text string) {
	k.Helper()
	path := filepath.Join(k.cmd.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		k.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		k.Fatal(err)
	}
}

const sorting = `
belay: 1
extends: base.yaml
stages:
  sorted: {uses: command, with: {run: cat $IN/* | sort > $OUT/f, inputs: {IN: words}, outputs: {o: f}}}
outputs: {sorted: "${sorted.o}"}
`

func watching(t *testing.T) *talk {
	t.Helper()
	dir := workspaceWith(t, sorting)
	for name, text := range map[string]string{"base.yaml": "belay: 1\nname: watched\n", "words/1": "pear\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return listen(t, belay(t, dir, "run", "recipe.yaml", "--watch"))
}

func TestWatchRunsAgainWhenAnythingThatIsReadChanges(t *testing.T) {
	t.Parallel()
	k := watching(t)
	first := k.until("watching recipe.yaml")
	if !strings.Contains(first, "1 stage ran") {
		t.Fatalf("the first run:\n%s", first)
	}
	k.write("words/2", "apple\n") // a new file in a source
	if said := k.until("watching"); !strings.Contains(said, "changed: words/2") || !strings.Contains(said, "2 added (recipe.yaml:5:") {
		t.Errorf("after a change of a source:\n%s", said)
	}
	if text, err := os.ReadFile(filepath.Join(k.cmd.Dir, "out/watched/sorted")); err != nil || string(text) != "apple\npear\n" {
		t.Errorf("the output is %q, %v", text, err)
	}
	k.write("recipe.yaml", strings.Replace(sorting, "sort >", "srot >", 1)) // a stage that fails
	if said := k.until("watching"); !strings.Contains(said, "✗ sorted") {
		t.Errorf("after a failure:\n%s", said)
	}
	k.write("recipe.yaml", strings.Replace(sorting, "uses:", "usse:", 1)) // a mistake
	if said := k.until("watching"); !strings.Contains(said, `did you mean "uses"`) && !strings.Contains(said, "did you mean uses") {
		t.Errorf("after a mistake:\n%s", said)
	}
	k.write("recipe.yaml", sorting)
	if said := k.until("watching"); !strings.Contains(said, "nothing to do") {
		t.Errorf("after it was put right:\n%s", said)
	}
	k.write("base.yaml", "belay: 1\nname: renamed\n") // what the recipe extends
	if said := k.until("watching"); !strings.Contains(said, "renamed: nothing to do") {
		t.Errorf("after a change of what it extends:\n%s", said)
	}
	k.write("belay.yaml", "gc: {dyas: 1}\n")
	if said := k.until("watching"); !strings.Contains(said, "did you mean") {
		t.Errorf("after a mistake in belay.yaml:\n%s", said)
	}
	if code := k.end(); code != 0 {
		t.Errorf("an interrupt while it waits exits %d:\n%s", code, strings.Join(k.heard, "\n"))
	}
}

func TestAChangeDuringARunIsNotLost(t *testing.T) {
	t.Parallel()
	dir := workspaceWith(t, `
belay: 1
name: slow
stages:
  slow: {uses: command, with: {run: "cat $IN; cat gate; cp $IN $OUT/f", inputs: {IN: words}, outputs: {o: f}, env: {}}}
`)
	gate := filepath.Join(dir, "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "words"), []byte("first\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	recipe := filepath.Join(dir, "recipe.yaml")
	text, err := os.ReadFile(recipe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recipe, []byte(strings.Replace(string(text), "cat gate", "cat "+gate, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	k := listen(t, belay(t, dir, "run", "recipe.yaml", "--watch"))
	k.until("first") // the stage runs, and waits at the gate
	k.write("words", "second\n")
	open := func() {
		f, err := os.OpenFile(gate, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, "open\n"); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	open()
	k.until("changed: words")
	k.until("second")
	open()
	k.until("watching")
	if code := k.end(); code != 0 {
		t.Errorf("exits %d", code)
	}
}

func TestAnInterruptDuringAWatchedRunCancelsIt(t *testing.T) {
	t.Parallel()
	dir := workspaceWith(t, `
belay: 1
name: long
stages:
  long: {uses: command, with: {run: "echo begun; exec sleep 600", outputs: {o: f}}}
`)
	k := listen(t, belay(t, dir, "run", "recipe.yaml", "--watch"))
	k.until("begun")
	if code := k.end(); code != 130 {
		t.Errorf("exits %d, want 130", code)
	}
}
