package compile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
)

// bigRecipes have 10,000 stage instances each, in the shapes that recipes take.
func bigRecipes() map[string]string {
	numbers := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%d, ", i)
		}
		return "[" + strings.TrimSuffix(b.String(), ", ") + "]"
	}
	shapes := map[string]string{
		"matrix": fmt.Sprintf(`belay: 1
params: {lr: 1e-5}
stages:
  a: {uses: finetune, matrix: {x: %s, y: %s}, with: {checkpoint: m, data: m, lr: "${params.lr * matrix.x}", seed: "${matrix.y}"}}
  b: {uses: score, matrix: "${a.matrix}", with: {checkpoints: "${a.checkpoint}", labels: ["x ${matrix.x}"]}}
  all: {uses: score, with: {checkpoints: "${a.checkpoint}"}}
`, numbers(50), numbers(100)),
		"blocks": fmt.Sprintf(`belay: 1
stages:
  p: {uses: ./block.yaml, matrix: {x: %s}, with: {lr: "${matrix.x / 3}"}}
  all: {uses: score, with: {checkpoints: "${p.tuned}"}}
`, numbers(2500)),
	}
	var plain strings.Builder
	plain.WriteString("belay: 1\nparams: {lr: 1e-5}\nstages:\n")
	for i := range 5000 {
		fmt.Fprintf(&plain, "  t%d: {uses: finetune, with: {checkpoint: m, data: m, lr: \"${params.lr * %d}\", seed: %d}}\n", i, i%7, i)
		fmt.Fprintf(&plain, "  s%d: {uses: score, needs: t%d, with: {checkpoints: [\"${t%d.checkpoint}\"], labels: [\"run ${recipe.name}\"]}}\n", i, max(i-1, 0), i)
	}
	shapes["plain"] = plain.String()
	var chain strings.Builder
	chain.WriteString("belay: 1\nstages:\n  c0: {uses: command, with: {run: x, outputs: {o: o}}}\n")
	for i := 1; i < 10000; i++ {
		fmt.Fprintf(&chain, "  c%d: {uses: command, with: {run: \"cat $IN\", inputs: {IN: \"${c%d.o}\"}, outputs: {o: o}}}\n", i, i-1)
	}
	shapes["chain"] = chain.String()
	return shapes
}

const bigBlock = `belay: 1
params: {lr: {type: float, min: 0}}
stages:
  c: {uses: convert, with: {from: m}}
  d: {uses: preprocess, with: {input: m}}
  t: {uses: finetune, with: {checkpoint: "${c.checkpoint}", data: "${d.index}", lr: "${params.lr * 2}"}}
  s: {uses: score, with: {checkpoints: "${t.checkpoint}"}}
outputs: {tuned: "${t.checkpoint}"}
`

func BenchmarkCompile10000(b *testing.B) {
	for name, text := range bigRecipes() {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			for name, text := range map[string]string{"r.yaml": text, "block.yaml": bigBlock} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				g, l := compile.File("r.yaml", compile.Options{Stages: dsltest.Stages(), Dir: dir, Exists: func(string) bool { return true }})
				if g == nil {
					b.Fatal(l)
				}
				if len(g.Nodes) < 10000 {
					b.Fatalf("only %d nodes", len(g.Nodes))
				}
			}
		})
	}
}
