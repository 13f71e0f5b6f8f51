package enginetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
)

// Fake is a stage made of a function. It counts its runs, so it is used through a pointer.
type Fake struct {
	Spec engine.Spec
	Do   func(ctx context.Context, in engine.In, out engine.Out) error
	runs atomic.Int64
}

// Describe gives the fake's spec.
func (f *Fake) Describe() engine.Spec { return f.Spec }

// Run counts and calls Do.
func (f *Fake) Run(ctx context.Context, in engine.In, out engine.Out) error {
	f.runs.Add(1)
	return f.Do(ctx, in, out)
}

// Runs is how often the stage has run.
func (f *Fake) Runs() int { return int(f.runs.Load()) }

// Params are the parameters of all fakes.
type Params struct {
	In   []artifact.Ref `yaml:"in" doc:"files to read"`
	Text string         `yaml:"text" doc:"text to add at the end"`
	Log  int            `yaml:"log" key:"no" doc:"changes nothing"`
	Key  string         `yaml:"secret" key:"secret" doc:"never written"`
}

// Spec describes a fake with one port, a file called out.
func Spec(name string) engine.Spec {
	return engine.Spec{Name: name, Version: 1, Doc: "A fake.", Params: Params{},
		Outputs: []artifact.Port{{Name: "out", Kind: artifact.Text, Doc: "what was written"}}}
}

// Concat writes its inputs one after the other, and then its text. Without inputs it only writes.
func Concat() *Fake {
	return &Fake{Spec: Spec("concat"), Do: concat}
}

func concat(ctx context.Context, in engine.In, out engine.Out) error {
	p := in.Params.(*Params)
	var all []byte
	for _, ref := range p.In {
		data, err := os.ReadFile(ref.Path)
		if err != nil {
			return err
		}
		all = append(all, data...)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return os.WriteFile(out.Path("out"), append(all, p.Text...), 0o644)
}

// First writes only the first byte of its inputs, whatever follows: changes often stop here.
func First() *Fake {
	f := &Fake{Spec: Spec("first")}
	f.Do = func(ctx context.Context, in engine.In, out engine.Out) error {
		data, err := os.ReadFile(in.Params.(*Params).In[0].Path)
		if err != nil {
			return err
		}
		return os.WriteFile(out.Path("out"), data[:1], 0o644)
	}
	return f
}

// Fail gives errs one after the other, and then succeeds as Concat does.
func Fail(errs ...error) *Fake {
	f := &Fake{Spec: Spec("fail")}
	f.Do = func(ctx context.Context, in engine.In, out engine.Out) error {
		if n := f.Runs(); n <= len(errs) {
			return errs[n-1]
		}
		return concat(ctx, in, out)
	}
	return f
}

// Gate is a stage that says on Started that it runs, and then waits for Open or for its cancellation.
type Gate struct {
	*Fake
	Started chan struct{} // gets one value a run
	Open    chan struct{} // takes one value a run, or is closed
}

// NewGate makes a gate; after opening it works as Concat does.
func NewGate() *Gate {
	g := &Gate{Started: make(chan struct{}, 64), Open: make(chan struct{})}
	g.Fake = &Fake{Spec: Spec("gate")}
	g.Do = func(ctx context.Context, in engine.In, out engine.Out) error {
		g.Started <- struct{}{}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.Open:
			return concat(ctx, in, out)
		}
	}
	return g
}

// Steps is a resumable stage of n steps: each adds a line to a file in its working directory, and then step is
// called, whose error ends the run. The output is that file.
func Steps(n int, step func(ctx context.Context, done int) error) *Fake {
	f := &Fake{Spec: Spec("steps")}
	f.Spec.Resumable = true
	f.Do = func(ctx context.Context, in engine.In, out engine.Out) error {
		file := filepath.Join(in.Work, "steps")
		data, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		lines := 0
		for _, b := range data {
			if b == '\n' {
				lines++
			}
		}
		for ; lines < n; lines++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			data = fmt.Appendf(data, "step %d\n", lines)
			if err := os.WriteFile(file, data, 0o644); err != nil {
				return err
			}
			if step != nil {
				if err := step(ctx, lines+1); err != nil {
					return err
				}
			}
		}
		return os.WriteFile(out.Path("out"), data, 0o644)
	}
	return f
}

// Node makes a node of a fake: text and the nodes that it reads.
func Node(id string, s engine.Stage, text string, reads ...int) engine.Node {
	in := make([]any, len(reads))
	for i, n := range reads {
		in[i] = engine.Output{Node: n, Port: "out"}
	}
	return engine.Node{ID: id, Name: id, Stage: s, Params: map[string]any{"in": in, "text": text}}
}

// Graph makes a graph whose last node is the output "result".
func Graph(nodes ...engine.Node) *engine.Graph {
	return &engine.Graph{Recipe: "test", Nodes: nodes, Outputs: []engine.Link{{Name: "result", Node: len(nodes) - 1, Port: "out"}}}
}
