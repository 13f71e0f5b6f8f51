package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The rows are the cases in which build tools differ: what is run again, what is restored, and what is
// left wrong. The pipeline is a root, chains behind it, and at each chain's end a leaf of its own.

// rows is a workspace with that pipeline.
type rows struct {
	t   *testing.T
	dir string
}

const chains, links = 3, 3

func newRows(t *testing.T) *rows {
	t.Helper()
	r := &rows{t, t.TempDir()}
	t.Cleanup(func() { removeAll(filepath.Join(r.dir, ".belay")) })
	var recipe, outputs strings.Builder
	stage := func(name, run string, inputs ...string) {
		given := map[string]string{}
		for i, in := range inputs {
			given[fmt.Sprint("IN", i)] = in
		}
		with, err := json.Marshal(map[string]any{
			// The side file counts what was really run, whatever belay says.
			"run": "echo " + name + " >> ../../../../ran; " + run + " > $OUT/" + name, "inputs": given, "outputs": map[string]string{"out": name},
		})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&recipe, "  %s: {uses: command, with: %s}\n", name, with)
		fmt.Fprintf(&outputs, "  %s: ${%s.out}\n", name, name)
	}
	stage("root", "head -n 1 $IN0", "seed.txt")
	for c := range chains {
		above := "root"
		for l := range links {
			name := fmt.Sprintf("c%d_%d", c, l)
			stage(name, "cat $IN0", "${"+above+".out}")
			above = name
		}
		stage(fmt.Sprintf("leaf%d", c), "cat $IN0 $IN1", "${"+above+".out}", fmt.Sprintf("leaf/%d.txt", c))
		r.write(fmt.Sprintf("leaf/%d.txt", c), fmt.Sprintf("leaf %d\n", c))
	}
	r.write("seed.txt", "hello\n")
	r.write("belay.yaml", "")
	r.write("recipe.yaml", "belay: 1\nname: r\nstages:\n"+recipe.String()+"outputs:\n"+outputs.String())
	return r
}

func (r *rows) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rows) read(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Error(err)
	}
	return string(text)
}

// run brings the workspace up to date, and checks the stages that really ran and every output.
func (r *rows) run(ran ...string) {
	r.t.Helper()
	_ = os.Remove(filepath.Join(r.dir, "ran"))
	must(r.t, belay(r.t, r.dir, "run", "recipe.yaml", "--quiet"))
	text, _ := os.ReadFile(filepath.Join(r.dir, "ran"))
	have := strings.Fields(string(text))
	slices.Sort(have)
	slices.Sort(ran)
	if !slices.Equal(have, ran) {
		r.t.Errorf("ran %v, want %v", have, ran)
	}
	seed, _, _ := strings.Cut(r.read("seed.txt"), "\n")
	for c := range chains {
		for l := range links {
			r.holds(fmt.Sprintf("c%d_%d", c, l), seed+"\n")
		}
		r.holds(fmt.Sprintf("leaf%d", c), seed+"\n"+r.read(fmt.Sprintf("leaf/%d.txt", c)))
	}
}

func (r *rows) holds(output, want string) {
	r.t.Helper()
	if have := r.read("out/r/" + output); have != want {
		r.t.Errorf("%s holds %q, want %q", output, have, want)
	}
}

func everything() []string {
	names := []string{"root"}
	for c := range chains {
		for l := range links {
			names = append(names, fmt.Sprintf("c%d_%d", c, l))
		}
		names = append(names, fmt.Sprintf("leaf%d", c))
	}
	return names
}

func TestEveryRowHasTheRightAnswer(t *testing.T) {
	t.Parallel()
	r := newRows(t)
	r.run(everything()...) // cold
	r.run()                // nothing to do

	r.write("seed.txt", "hello\n") // new times, same bytes
	r.write("leaf/0.txt", "leaf 0\n")
	r.run()

	r.write("leaf/1.txt", "another\n")
	r.run("leaf1")

	r.write("seed.txt", "hello\ncomment\n") // the root's output stays the same
	r.run("root")

	r.write("seed.txt", "changed\n")
	r.run(everything()...)

	r.write("seed.txt", "hello\n") // back to an earlier state, then forward again
	r.run()
	r.write("seed.txt", "changed\n")
	r.run()

	for l := range links { // outputs deleted
		if err := os.Remove(filepath.Join(r.dir, fmt.Sprintf("out/r/c2_%d", l))); err != nil {
			t.Fatal(err)
		}
	}
	r.run()

	edited := filepath.Join(r.dir, "out/r/c1_1") // an output replaced by hand
	if err := os.Remove(edited); err != nil {
		t.Fatal(err)
	}
	r.write("out/r/c1_1", "CORRUPT\n")
	r.run()

	// An output written through its link, in spite of its mode, with the same size: damaged, and made again.
	damaged, err := filepath.EvalSymlinks(edited)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(damaged, []byte("CORRUPT\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.run("c1_1")
}

// A change right behind a run falls into the same tick of the file system's clock as the run itself, and keeps
// the file's size.
func TestAChangeWithinTheSameTickIsSeen(t *testing.T) {
	t.Parallel()
	r := newRows(t)
	r.run(everything()...)
	for i := range 10 {
		r.write("leaf/2.txt", fmt.Sprintf("tick %02d\n", i))
		r.run("leaf2")
		r.write("leaf/2.txt", fmt.Sprintf("tock %02d\n", i))
		r.run("leaf2")
		r.write("leaf/2.txt", fmt.Sprintf("tick %02d\n", i))
		r.run()
	}
}

func TestAFolderOfManyFilesHasTheRightAnswers(t *testing.T) {
	t.Parallel()
	r := &rows{t, t.TempDir()}
	t.Cleanup(func() { removeAll(filepath.Join(r.dir, ".belay")) })
	for i := range 300 {
		r.write(fmt.Sprintf("d/%03d.txt", i), fmt.Sprintf("file %d", i))
	}
	r.write("big.bin", strings.Repeat("0123456789abcdef", 1<<16))
	r.write("belay.yaml", "")
	r.write("recipe.yaml", `
belay: 1
name: r
stages:
  scan:
    uses: command
    with: {run: "echo scan >> ../../../../ran; (ls $D | wc -l; wc -c < $B) > $OUT/n", inputs: {D: d, B: big.bin}, outputs: {out: n}}
  next:
    uses: command
    with: {run: "echo next >> ../../../../ran; cp $N $OUT/m", inputs: {N: "${scan.out}"}, outputs: {out: m}}
outputs: {m: "${next.out}"}
`)
	run := func(want string, ran ...string) {
		t.Helper()
		_ = os.Remove(filepath.Join(r.dir, "ran"))
		must(t, belay(t, r.dir, "run", "recipe.yaml", "--quiet"))
		text, _ := os.ReadFile(filepath.Join(r.dir, "ran"))
		if have := strings.Fields(string(text)); !slices.Equal(have, ran) {
			t.Errorf("ran %v, want %v", have, ran)
		}
		if have := strings.Join(strings.Fields(r.read("out/r/m")), " "); have != want {
			t.Errorf("the output holds %q, want %q", have, want)
		}
	}
	run("300 1048576", "scan", "next")
	run("300 1048576")
	r.write("d/042.txt", "another") // the result is the same: next does not run
	run("300 1048576", "scan")
	r.write("d/042.txt", "another")
	r.write("big.bin", strings.Repeat("0123456789abcdef", 1<<16))
	run("300 1048576")
	r.write("big.bin", strings.Repeat("0123456789abcdef", 1<<16)+"x")
	run("300 1048577", "scan", "next")
	if err := os.Rename(filepath.Join(r.dir, "d/007.txt"), filepath.Join(r.dir, "d/renamed.txt")); err != nil {
		t.Fatal(err)
	}
	run("300 1048577", "scan")
	if err := os.Remove(filepath.Join(r.dir, "d/renamed.txt")); err != nil {
		t.Fatal(err)
	}
	run("299 1048577", "scan", "next")
}
