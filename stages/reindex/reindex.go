package reindex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
)

// Params are the parameters of the stage.
type Params struct {
	Input        []artifact.Ref `yaml:"input" kind:"token-index,dir" required:"true" doc:"folder of token indexes, or several to be joined, in order"`
	OutputPrefix string         `yaml:"output_prefix" default:"data" doc:"how the files' names begin"`
	Split        string         `yaml:"split" doc:"shares of train, valid and test, as in 949,50,1: a set of files for each, of whole documents in their order"`
	PerPart      int            `yaml:"documents_per_part" min:"1" doc:"files of so many documents each, numbered from 000"`
}

// Stage joins and splits.
type Stage struct{}

// Describe says what the stage takes and makes.
func (Stage) Describe() engine.Spec {
	return engine.Spec{
		Name:    "reindex",
		Version: 1,
		Doc:     "Join token indexes into one, and split them by share or by number of documents.",
		Params:  Params{},
		Outputs: []artifact.Port{{Name: "index", Kind: artifact.TokenIndex, Doc: "folder of .bin/.idx pairs and manifest.json"}},
	}
}

// Run joins and splits.
func (Stage) Run(ctx context.Context, in engine.In, out engine.Out) error {
	p, ok := in.Params.(*Params)
	if !ok {
		return fmt.Errorf("reindex: parameters are %T", in.Params)
	}
	if err := p.check(); err != nil {
		return err
	}
	dir := out.Path("index")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("reindex: %w", err)
	}
	m, err := p.run(ctx, in, dir)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fault.Wrap(fault.Data, fmt.Errorf("reindex: %w", err))
	}
	if err := m.Write(dir); err != nil {
		return fmt.Errorf("reindex: %w", err)
	}
	out.Note("indexes", len(m.Indexes))
	return nil
}

func (p *Params) check() error {
	switch {
	case p.OutputPrefix == "" || p.OutputPrefix != filepath.Base(p.OutputPrefix) || strings.HasPrefix(p.OutputPrefix, "."):
		return fault.New(fault.Recipe, "output_prefix %q: want a file name without folders", p.OutputPrefix)
	case len(p.Input) == 0:
		return fault.New(fault.Recipe, "input names no token index")
	case p.Split != "" && p.PerPart > 0:
		return fault.New(fault.Recipe, "split and documents_per_part are both given").WithHint("leave one of them out, or let one stage follow another")
	case p.Split != "":
		_, err := corpus.ParseSplit(p.Split)
		return fault.Wrap(fault.Recipe, err)
	}
	return nil
}

func (p *Params) run(ctx context.Context, in engine.In, dir string) (m corpus.Manifest, err error) {
	fields, manifests, err := gather(p.Input)
	defer func() { err = errors.Join(err, closeAll(fields)) }()
	if err != nil {
		return m, err
	}
	m, differ := describe(manifests, p.OutputPrefix)
	if len(differ) > 0 {
		in.Events.Warn("the inputs were not made alike", map[string]any{"differ": differ})
	}
	done, total := int64(0), int64(0)
	for _, f := range fields {
		for _, x := range f.pieces {
			total += x.Tokens()
			m.Files = append(m.Files, filepath.Base(x.Prefix()))
		}
	}
	for _, f := range fields {
		parts, err := p.parts(f)
		if err != nil {
			return m, err
		}
		for _, part := range parts {
			name := p.OutputPrefix + part.suffix + f.name
			w, err := f.write(ctx, filepath.Join(dir, name), part.from, part.to)
			if err != nil {
				return m, err
			}
			done += w.Tokens()
			in.Events.Progress(done, total, "tokens", name)
			m.Indexes = append(m.Indexes, corpus.IndexSummary{Name: name, DType: w.DType().String(), Sequences: w.Sequences(), Documents: w.Documents(), Tokens: w.Tokens()})
		}
	}
	return m, nil
}
