package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/convert"
)

// TestGoldenCommandLines gives belay the reference converter's own command lines, with compat rc3 because they were run
// with its defaults, and wants its results: every tensor, the format and the layout.
func TestGoldenCommandLines(t *testing.T) {
	t.Parallel()
	eachCase(t, "convert", "case.json", func(t *testing.T, dir string) {
		var c struct {
			Args   []string `json:"rc3_args"`
			Input  string   `json:"input"`
			Target string   `json:"target_format"`
			Output string   `json:"output"`
			Expect string   `json:"expect"`
			LoRA   *struct {
				Dir string `json:"dir"`
			} `json:"lora"`
		}
		load(t, filepath.Join(dir, "case.json"), &c)
		if len(c.Args) == 0 {
			t.Skip("the case tells no command line")
		}
		save := filepath.Join(t.TempDir(), "output")
		result := filepath.Join(save, "checkpoint")
		if c.Target == "hf" { // the template lies where the result goes
			result = filepath.Join(save, "mg2hf", "model")
			if err := os.CopyFS(save, os.DirFS(filepath.Join(dir, "template"))); err != nil {
				t.Fatal(err)
			}
		}
		args := slices.Clone(c.Args)
		for i := range args[1:] {
			switch args[i] {
			case "--load-dir":
				args[i+1] = filepath.Join(dir, c.Input)
			case "--save-dir":
				args[i+1] = save
			case "--lora-load":
				args[i+1] = filepath.Join(dir, c.LoRA.Dir)
			}
		}
		_, msg, code := command("", slices.Concat([]string{"stage", "convert"}, args, []string{"--compat", "rc3"})...)
		if c.Expect == "error" {
			if code == 0 {
				t.Error("accepted, want an error")
			}
			return
		}
		if code != 0 {
			t.Fatalf("exit %d\n%s", code, msg)
		}
		want := filepath.Join(dir, "output")
		if c.Output != "" {
			want = filepath.Join(dir, c.Output)
		}
		a, errA := convert.Inspect(t.Context(), want, convert.InspectOptions{})
		b, errB := convert.Inspect(t.Context(), result, convert.InspectOptions{})
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.Kind != b.Kind || cmp.Diff(a.Layout, b.Layout) != "" || cmp.Diff(a.Tensors, b.Tensors) != "" {
			t.Errorf("%s %+v with %d tensors, want %s %+v with %d: -want +have\n%s", b.Kind, b.Layout, len(b.Tensors), a.Kind, a.Layout, len(a.Tensors), cmp.Diff(a.Tensors, b.Tensors))
		}
		r, err := convert.Compare(t.Context(), want, result, convert.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Equal {
			t.Errorf("%s names: largest difference %g, only there %v, only here %v", r.Names, r.MaxAbs, r.OnlyA, r.OnlyB)
		}
	})
}
