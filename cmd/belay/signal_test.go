package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// started begins a process and waits for a line on its standard error that holds text.
func started(t *testing.T, c *exec.Cmd, text string) *bufio.Scanner {
	t.Helper()
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	until(t, lines, text)
	return lines
}

func until(t *testing.T, lines *bufio.Scanner, text string) string {
	t.Helper()
	var all []string
	for lines.Scan() {
		all = append(all, lines.Text())
		if strings.Contains(lines.Text(), text) {
			return lines.Text()
		}
	}
	t.Fatalf("it never said %q but:\n%s", text, strings.Join(all, "\n"))
	return ""
}

// ended waits for a process whose standard error is read by lines.
func ended(c *exec.Cmd, lines *bufio.Scanner) (msg string, code int) {
	var b strings.Builder
	for lines.Scan() {
		b.WriteString(lines.Text() + "\n")
	}
	_ = c.Wait()
	return b.String(), c.ProcessState.ExitCode()
}

// gone waits until a process has ended; the limit is for one that does not.
func gone(t *testing.T, pid int) {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
			return
		}
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(b), ") Z ") {
			return // ended, and nobody has asked yet
		}
	}
	t.Errorf("process %d lives on", pid)
}

const stubborn = `
belay: 1
name: stubborn
stages:
  waits:
    uses: command
    with:
      run: |
        trap '' TERM INT
        (trap '' TERM INT; sleep 1000; sleep 1000) &
        echo "pid $!"
        while [ ! -e "$GATE" ]; do sleep 0.01; done
        echo made > $OUT/o.txt
      inputs: {TEXT: text.jsonl}
      outputs: {o: o.txt}
      env: {GATE: "${env.GATE}"}
  other:
    uses: command
    with: {run: 'echo other > $OUT/o.txt', outputs: {o: o.txt}}
env: [GATE]
outputs: {o: "${waits.o}", other: "${other.o}"}
`

// gatedRecipe prepares a run of stubborn, whose stage waits until its gate is there.
func gatedRecipe(t *testing.T, dir string, args ...string) (c *exec.Cmd, open func()) {
	t.Helper()
	gate := filepath.Join(dir, "gate")
	c = belay(t, dir, append([]string{"run", "recipe.yaml", "--log-format", "json", "--cpus", "4"}, args...)...)
	c.Env = append(c.Env, "GATE="+gate)
	return c, func() {
		if err := os.WriteFile(gate, nil, 0o644); err != nil {
			t.Error(err)
		}
	}
}

// pidIn reads the number that the stage said.
func pidIn(t *testing.T, line string) int {
	t.Helper()
	_, rest, _ := strings.Cut(line, "pid ")
	n, err := strconv.Atoi(strings.TrimRight(strings.Split(rest, `"`)[0], " "))
	if err != nil {
		t.Fatalf("no number in %s", line)
	}
	return n
}

func startStubborn(t *testing.T, dir string) (c *exec.Cmd, lines *bufio.Scanner, child int, open func()) {
	t.Helper()
	c, open = gatedRecipe(t, dir)
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines = bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	return c, lines, pidIn(t, until(t, lines, "pid ")), open
}

func TestAnInterruptEndsCommandsThatDoNotListen(t *testing.T) {
	t.Parallel()
	dir := workspaceWith(t, stubborn)
	c, lines, child, open := startStubborn(t, dir)
	asked := time.Now()
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	msg, code := ended(c, lines)
	if code != 130 || !strings.Contains(msg, "cancelled") {
		t.Errorf("exits %d: %s", code, msg)
	}
	t.Logf("it took %s", time.Since(asked))
	gone(t, child)
	if _, err := os.Lstat(filepath.Join(dir, "out", "stubborn", "o")); err == nil {
		t.Error("the cancelled stage has an output")
	}
	// The same command goes on.
	open()
	c, _ = gatedRecipe(t, dir)
	must(t, c)
	if text, err := os.ReadFile(filepath.Join(dir, "out", "stubborn", "o")); string(text) != "made\n" {
		t.Errorf("%q %v", text, err)
	}
}

func TestASecondInterruptEndsAtOnce(t *testing.T) {
	t.Parallel()
	dir := workspaceWith(t, stubborn)
	c, lines, child, _ := startStubborn(t, dir)
	// One process for both signals would be a race against the tidy end: stop the program, so that both wait for it.
	for _, s := range []os.Signal{syscall.SIGSTOP, os.Interrupt, syscall.SIGTERM, syscall.SIGCONT} {
		if err := c.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if msg, code := ended(c, lines); code != 130 || strings.Contains(msg, "cancelled") { // no time for words
		t.Errorf("exits %d: %s", code, msg)
	}
	gone(t, child)
}

func TestNoProcessOfAKilledRunLivesOn(t *testing.T) {
	t.Parallel()
	c, lines, child, _ := startStubborn(t, workspaceWith(t, stubborn))
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	ended(c, lines)
	gone(t, child)
}

func TestTheSecondProcessTakesTheResultOfTheFirst(t *testing.T) {
	t.Parallel()
	dir := workspaceWith(t, stubborn)
	first, lines, _, open := startStubborn(t, dir)
	second, _ := gatedRecipe(t, dir, "--json")
	var out strings.Builder
	second.Stdout = &out
	waits := started(t, second, fmt.Sprintf("waiting for pid %d on ", first.Process.Pid))
	open()
	if msg, code := ended(first, lines); code != 0 {
		t.Errorf("the first exits %d: %s", code, msg)
	}
	if msg, code := ended(second, waits); code != 0 {
		t.Errorf("the second exits %d: %s", code, msg)
	}
	var r runJSON
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Stages {
		if s.ID == "waits" && (!s.Fresh || s.Why != "made by pid "+strconv.Itoa(first.Process.Pid)+" on "+hostname(t)) {
			t.Errorf("fresh %v, why %q", s.Fresh, s.Why)
		}
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTheSecondProcessGoesOnWhenTheFirstIsKilled(t *testing.T) {
	t.Parallel()
	dir := workspaceWith(t, stubborn)
	first, lines, child, open := startStubborn(t, dir)
	second, _ := gatedRecipe(t, dir)
	waits := started(t, second, fmt.Sprintf("waiting for pid %d on ", first.Process.Pid))
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	ended(first, lines)
	gone(t, child)
	if mine := pidIn(t, until(t, waits, `"message":"pid `)); mine == child {
		t.Error("the stage of the first goes on")
	}
	open()
	if msg, code := ended(second, waits); code != 0 {
		t.Errorf("the second exits %d: %s", code, msg)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, ".belay", "locks")); len(left) > 0 {
		t.Errorf("locks left: %v", left)
	}
}

func TestOtherWorkGoesOnBesideAHeldKey(t *testing.T) {
	t.Parallel()
	dir := workspaceWith(t, stubborn)
	first, lines, _, open := startStubborn(t, dir)
	// Another recipe of the workspace has work of its own, while the first process still runs.
	if err := os.WriteFile(filepath.Join(dir, "another.yaml"), []byte(strings.Replace(stubborn, "echo other", "echo more", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	c := belay(t, dir, "run", "another.yaml", "other", "--json")
	c.Env = append(c.Env, "GATE=none")
	if out := must(t, c); strings.Contains(out, `"fresh": true`) {
		t.Errorf("nothing was made: %s", out)
	}
	if err := first.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the first is over: %v", err)
	}
	open()
	if msg, code := ended(first, lines); code != 0 {
		t.Errorf("the first exits %d: %s", code, msg)
	}
}
