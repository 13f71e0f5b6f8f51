// Package python finds the interpreter for tests that ask a real client: PyTorch, transformers, megatron-core.
package python

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// With is a Python that has all of the modules: that of $BELAY_PYTHON, else python3. Without one the test is skipped,
// with a word; with $BELAY_PYTHON it fails, since somebody wants the test.
func With(t testing.TB, modules ...string) string {
	t.Helper()
	python := os.Getenv("BELAY_PYTHON")
	miss := t.Fatalf
	if python == "" {
		python, miss = "python3", t.Skipf
	}
	path, err := exec.LookPath(python)
	if err != nil {
		miss("no Python: %v", err)
	}
	// find_spec imports nothing, which for torch would take seconds.
	find := "import importlib.util, sys; print(*[m for m in sys.argv[1:] if importlib.util.find_spec(m) is None])"
	out, err := exec.Command(path, append([]string{"-c", find}, modules...)...).Output()
	if err != nil {
		miss("%s does not work: %v", path, err)
	}
	if lack := strings.Fields(string(out)); len(lack) > 0 {
		miss("%s lacks %s", path, strings.Join(lack, ", "))
	}
	return path
}

// Run runs a program text and gives what it prints; a failure ends the test.
func Run(t testing.TB, python, program string, args ...string) string {
	t.Helper()
	c := exec.Command(python, append([]string{"-c", program}, args...)...)
	c.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "HF_HUB_OFFLINE=1", "TRANSFORMERS_VERBOSITY=error", "PYTHONWARNINGS=ignore")
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, stderr.String())
	}
	return string(out)
}
