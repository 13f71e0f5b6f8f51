package convert

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
)

// emptyState is the entry that follows the parameters of every parallel linear module.
const emptyState = "._extra_state"

// writeMegatron pads the vocabulary, plans every rank's file, then fills all files at once.
func writeMegatron(ctx context.Context, src ckpt.Source, cfg hfconfig.Config, f *family.Family, dir string, opt WriteOptions) (Written, error) {
	opt.Layout = opt.Layout.filled()
	if err := opt.Layout.check(cfg); err != nil {
		return Written{}, fmt.Errorf("write %s: %w", opt.To, err)
	}
	format, _, err := formatOf(f, opt.To == Legacy)
	if err != nil {
		return Written{}, fmt.Errorf("write %s: %w", opt.To, err)
	}
	// Rows beyond the vocabulary are padding that a Megatron source brought along: they stay when they
	// fit this layout.
	rows := rowsOf(src, f, cfg.Vocab)
	if n := paddedVocab(cfg.Vocab, opt.MakeVocabSizeDivisibleBy, opt.Layout.TP); rows == cfg.Vocab || rows%opt.Layout.TP != 0 || rows < n {
		rows = n
	}
	src = withVocab(src, f, rows)

	if HasAdapters(src) {
		if opt.Args, err = withLoRAArgs(src, f, opt.Args); err != nil {
			return Written{}, err
		}
	}
	args, err := buildArgs(src, cfg, f, rows, opt)
	if err != nil {
		return Written{}, fmt.Errorf("write %s: %w", opt.To, err)
	}
	m := &mapper{planner: newPlanner(src, cfg, f, opt.Layout.TP), layout: opt.Layout, chunks: map[[2]int][]megatron.Slot{}}
	if err := m.plan(format); err != nil {
		return Written{}, err
	}
	if err := m.unused(); err != nil {
		return Written{}, err
	}
	spec := megatron.Spec{
		Iteration: opt.Iteration, TP: opt.Layout.TP, PP: opt.Layout.PP, EP: opt.Layout.EP,
		VPP: opt.Layout.vpp(cfg.NumLayers), Legacy: opt.To == Legacy, Args: args,
	}
	chunks := map[megatron.Place][]megatron.Slot{}
	for at, s := range m.chunks {
		for t := range spec.TP {
			chunks[megatron.Place{Rank: megatron.Rank{TP: t, PP: at[0]}, Chunk: at[1]}] = s
		}
	}
	w, err := megatron.Create(dir, spec, chunks)
	if err != nil {
		return Written{}, err
	}
	err = run(ctx, src, cfg, spec.TP, m.jobs, opt, func(t int, o output, data []byte) error {
		return w.Put(megatron.Place{Rank: megatron.Rank{TP: t, PP: o.stage}, Chunk: o.chunk}, o.name, data)
	})
	if err != nil {
		w.Abort()
		return Written{}, err
	}
	if err := w.Close(); err != nil {
		return Written{}, err
	}
	out := Written{Folder: filepath.Join(dir, megatron.IterationFolder(opt.Iteration)), Tensors: len(m.jobs), PaddedVocab: rows, DType: mainType(src)}
	for _, j := range m.jobs {
		out.Bytes += j.size * int64(len(j.outs))
	}
	return out, nil
}

// withLoRAArgs adds the arguments that describe the adapters.
func withLoRAArgs(src ckpt.Source, f *family.Family, args map[string]any) (map[string]any, error) {
	l := loraOf(src, megatron.NewArgs(), f, Mcore)
	out := map[string]any{"lora_r": l.R, "lora_target_modules": l.Targets}
	for k, v := range args {
		out[k] = v
	}
	if _, ok := out["lora_alpha"]; !ok {
		return nil, fmt.Errorf("write mcore: the weights hold LoRA adapters: give lora_alpha among the arguments")
	}
	return out, nil
}

// mapper lays the tensors out over pipeline stages and chunks.
type mapper struct {
	*planner
	layout Layout
	chunks map[[2]int][]megatron.Slot // by stage and chunk, the same on every tensor-parallel rank
	jobs   []*job
	deferred
}

// deferred is an _extra_state entry that waits for the last parameter of its module.
type deferred struct {
	module string
	where  [2]int
}

func (m *mapper) plan(format *family.Format) error {
	places := m.layout.placement(m.cfg.NumLayers)
	last := [2]int{m.layout.PP - 1, m.layout.vpp(m.cfg.NumLayers) - 1}
	var layerRules []family.Rule
	for _, r := range format.Rules {
		if layered(r.Name) {
			layerRules = append(layerRules, r)
		}
	}
	done := false
	for _, r := range format.Rules {
		switch {
		case !layered(r.Name):
			where := [2]int{}
			if r.At == family.Last {
				where = last
			}
			if r.When == family.TiedPipeline && (!m.cfg.TieEmbeddings || m.layout.PP == 1) {
				continue
			}
			if err := m.rule(r, -1, r.Name, where); err != nil {
				return err
			}
		case !done:
			done = true
			for l, p := range places {
				for _, lr := range layerRules {
					if err := m.rule(lr, l, at(lr.Name, p.local), [2]int{p.stage, p.chunk}); err != nil {
						return err
					}
				}
				m.flush("")
			}
		}
	}
	m.flush("")
	return nil
}

// flush writes the waiting _extra_state unless module is still its own.
func (m *mapper) flush(module string) {
	if m.module != "" && m.module != module {
		m.chunks[m.where] = append(m.chunks[m.where], megatron.Slot{Info: ckpt.Info{Name: m.module + emptyState}, Empty: true})
		m.module = ""
	}
}

func (m *mapper) rule(r family.Rule, layer int, stored string, where [2]int) error {
	module := stored[:strings.LastIndexByte(stored, '.')]
	m.flush(module)
	j, err := m.job(r, layer, stored)
	if err != nil {
		return err
	}
	if j == nil {
		if r.ExtraState == family.Always {
			m.module, m.where = module, where
		}
		return nil
	}
	if r.Adapter == "" {
		m.add(j, where)
		if r.ExtraState != "" {
			m.module, m.where = module, where
		}
		return nil
	}
	a, b, err := m.adapterJobs(r, layer, module)
	if err != nil {
		return err
	}
	if a == nil {
		m.add(j, where)
		m.module, m.where = module, where
		return nil
	}
	// The wrapped module keeps its parameters under base_layer; each sharded matrix of the adapter is a
	// parallel linear of its own.
	j.info.Name = module + baseLayer + "weight"
	m.add(j, where)
	m.module, m.where = module+strings.TrimSuffix(baseLayer, "."), where
	m.flush("")
	for _, x := range []*job{a, b} {
		m.add(x, where)
		if slices.ContainsFunc(x.splits, func(s string) bool { return s != "" }) {
			m.module, m.where = strings.TrimSuffix(x.info.Name, ".weight"), where
			m.flush("")
		}
	}
	return nil
}

func (m *mapper) add(j *job, where [2]int) {
	j.outs = append(j.outs, output{where[0], where[1], j.info.Name})
	m.chunks[where] = append(m.chunks[where], megatron.Slot{Info: j.info})
	m.jobs = append(m.jobs, j)
}
