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

// legacyEncoder begins the names of what Legacy LoRA checkpoints hold adapters of, and nothing else.
const legacyEncoder = "language_model.encoder."

// emptyState is the entry that follows the parameters of every parallel linear module.
const emptyState = "._extra_state"

// writeMegatron pads the vocabulary, plans every rank's file, then fills all files at once.
func writeMegatron(ctx context.Context, src ckpt.Source, cfg hfconfig.Config, f *family.Family, dir string, opt WriteOptions) (Written, error) {
	opt.Layout = opt.Layout.filled()
	if err := opt.Layout.check(cfg); err != nil {
		return Written{}, fmt.Errorf("write %s: %w%s", opt.To, err, opt.Layout.fitting(cfg))
	}
	format, _, err := formatOf(f, opt.To == Legacy)
	if err != nil {
		return Written{}, fmt.Errorf("write %s: %w", opt.To, err)
	}
	if opt.MoEGroupedGEMM && cfg.MoE.Experts == 0 {
		return Written{}, fmt.Errorf("write %s: moe_grouped_gemm: family %s has no experts to group", opt.To, f.Name)
	}
	mod := newModel(f, cfg, opt.MoEGroupedGEMM)
	if name := mod.lacking(format); name != "" {
		if opt.To == Legacy {
			return Written{}, fmt.Errorf("write legacy: Megatron-Legacy has no place for %s of family %s: write mcore", name, f.Name)
		}
		return Written{}, fmt.Errorf("write %s: family %s has no place for %s in this layout: leave moe_grouped_gemm out", opt.To, f.Name, name)
	}
	// Rows beyond the vocabulary are padding that a Megatron source brought along: they stay when they
	// fit this layout.
	rows := rowsOf(src, f, cfg.Vocab)
	if n := paddedVocab(cfg.Vocab, opt.MakeVocabSizeDivisibleBy, opt.Layout.TP); rows == cfg.Vocab || rows%opt.Layout.TP != 0 || rows < n {
		rows = n
	}
	src = withVocab(src, f, rows)

	if HasAdapters(src) {
		if opt.Args, err = withLoRAArgs(src, f, opt); err != nil {
			return Written{}, err
		}
	}
	args, err := buildArgs(src, cfg, f, rows, opt)
	if err != nil {
		return Written{}, fmt.Errorf("write %s: %w", opt.To, err)
	}
	m := &mapper{planner: newPlanner(src, mod, opt.Layout.TP), layout: opt.Layout, chunks: map[place][]megatron.Slot{}, only: opt.AdaptersOnly}
	if err := m.plan(format); err != nil {
		return Written{}, err
	}
	if err := m.unused(); err != nil && !m.only {
		return Written{}, err
	}
	spec := megatron.Spec{
		Iteration: opt.Iteration, TP: opt.Layout.TP, PP: opt.Layout.PP, EP: opt.Layout.EP,
		VPP: opt.Layout.vpp(opt.Layout.total(cfg)), Legacy: opt.To == Legacy, Args: args,
	}
	chunks := map[megatron.Place][]megatron.Slot{}
	for at, s := range m.chunks {
		for t := range spec.TP {
			chunks[megatron.Place{Rank: megatron.Rank{TP: t, PP: at.stage, EP: at.ep}, Chunk: at.chunk}] = s
		}
	}
	w, err := megatron.Create(dir, spec, chunks)
	if err != nil {
		return Written{}, err
	}
	err = run(ctx, src, Env{HeadDim: cfg.HeadDim}, spec.TP, m.jobs, opt, func(t int, o output, data []byte) error {
		for _, e := range o.eps {
			if err := w.Append(megatron.Place{Rank: megatron.Rank{TP: t, PP: o.stage, EP: e}, Chunk: o.chunk}, o.name, data); err != nil {
				return err
			}
		}
		return nil
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
		out.Bytes += j.size * j.places()
	}
	return out, nil
}

// withLoRAArgs adds the arguments that describe the adapters.
func withLoRAArgs(src ckpt.Source, f *family.Family, opt WriteOptions) (map[string]any, error) {
	l := loraOf(src, megatron.NewArgs(), f, opt.To)
	out := map[string]any{"lora_r": l.R, "lora_target_modules": l.Targets}
	for k, v := range opt.Args {
		out[k] = v
	}
	if _, ok := out["lora_alpha"]; !ok {
		return nil, fmt.Errorf("write %s: the weights hold LoRA adapters: give lora_alpha among the arguments", opt.To)
	}
	return out, nil
}

// place is a chunk of a pipeline stage on an expert-parallel rank, the same on every tensor-parallel one.
type place struct{ stage, chunk, ep int }

// mapper lays the tensors out over pipeline stages, chunks and expert-parallel ranks.
type mapper struct {
	*planner
	layout Layout
	chunks map[place][]megatron.Slot
	jobs   []*job
	only   bool // of the encoder, only the adapters
	deferred
}

// deferred is an _extra_state entry that waits for the last parameter of its module.
type deferred struct {
	module string
	where  span
}

// span is the same chunk on a range of expert-parallel ranks.
type span struct{ stage, chunk, from, to int }

func (m *mapper) plan(format *family.Format) error {
	places := m.layout.places(m.cfg)
	last := placed{stage: m.layout.PP - 1, chunk: m.layout.vpp(m.layout.total(m.cfg)) - 1}
	var layerRules []family.Rule
	for _, r := range format.Rules {
		if layered(r.Name) {
			layerRules = append(layerRules, r)
		}
	}
	groups := runs(layerRules, func(r family.Rule) string { return r.Name })
	done := false
	for _, r := range format.Rules {
		switch {
		case !layered(r.Name):
			where := placed{}
			if r.At == family.Last {
				where = last
			}
			if r.When == family.TiedPipeline && (!m.cfg.TieEmbeddings || m.layout.PP == 1) {
				continue
			}
			if err := m.rule(r, -1, -1, where); err != nil {
				return err
			}
		case !done:
			done = true
			for l, p := range places {
				for _, group := range groups {
					if err := m.group(group, l, p); err != nil {
						return err
					}
				}
				m.flush("", span{})
			}
		}
	}
	m.flush("", span{})
	return nil
}

// group maps rules that take turns for each expert, or one rule.
func (m *mapper) group(rules []family.Rule, layer int, where placed) error {
	if !experted(rules[0].Name) {
		return m.rule(rules[0], layer, -1, where)
	}
	for e := range m.cfg.MoE.Experts {
		for _, r := range rules {
			if err := m.rule(r, layer, e, where); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush writes the waiting _extra_state unless the module is still its own.
func (m *mapper) flush(module string, where span) {
	if m.module == "" || m.module == module && m.where == where {
		return
	}
	m.slot(m.where, megatron.Slot{Info: ckpt.Info{Name: m.module + emptyState}, Empty: true})
	m.module = ""
}

func (m *mapper) slot(s span, entry megatron.Slot) {
	for e := s.from; e < s.to; e++ {
		p := place{s.stage, s.chunk, e}
		m.chunks[p] = append(m.chunks[p], entry)
	}
}

// rule maps the tensor of a rule: to every expert-parallel rank, or to the one of its expert, or each
// rank's share when the tensor holds all experts of a rank.
func (m *mapper) rule(r family.Rule, layer, expert int, where placed) error {
	s := span{where.stage, where.chunk, 0, m.layout.EP}
	local := where.local
	if layer < 0 {
		local = -1
	}
	switch {
	case r.Experts != "":
		for e := range m.layout.EP {
			from, to := expertRange(m.cfg.MoE.Experts, e, m.layout.EP)
			if err := m.tensor(r, layer, from, to, at(r.Name, local, -1), span{s.stage, s.chunk, e, e + 1}); err != nil {
				return err
			}
		}
		return nil
	case expert >= 0:
		each := m.cfg.MoE.Experts / m.layout.EP
		s.from, s.to = expert/each, expert/each+1
		return m.tensor(r, layer, expert, expert+1, at(r.Name, local, expert%each), s)
	}
	return m.tensor(r, layer, -1, 0, at(r.Name, local, -1), s)
}

func (m *mapper) tensor(r family.Rule, layer, from, to int, stored string, where span) error {
	if !m.holds(r, layer) || m.only && r.Adapter == "" && strings.HasPrefix(r.Name, legacyEncoder) {
		return nil
	}
	module := stored[:strings.LastIndexByte(stored, '.')]
	m.flush(module, where)
	j, err := m.job(r, layer, from, to, stored)
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
	switch {
	case a == nil && m.only:
		return nil
	case a == nil:
		m.add(j, where)
		m.module, m.where = module, where
		return nil
	case !m.only: // the wrapped module keeps its parameters under base_layer
		j.info.Name = module + baseLayer + "weight"
		m.add(j, where)
		m.module, m.where = module+strings.TrimSuffix(baseLayer, "."), where
		m.flush("", span{})
	}
	// Each sharded matrix of the adapter is a parallel linear of its own.
	for _, x := range []*job{a, b} {
		m.add(x, where)
		if slices.ContainsFunc(x.cuts, func(c cut) bool { return c.split != "" }) {
			m.module, m.where = strings.TrimSuffix(x.info.Name, ".weight"), where
			m.flush("", span{})
		}
	}
	return nil
}

func (m *mapper) add(j *job, where span) {
	var eps []int
	for e := where.from; e < where.to; e++ {
		eps = append(eps, e)
	}
	j.outs = append(j.outs, output{where.stage, where.chunk, eps, j.info.Name})
	m.slot(where, megatron.Slot{Info: j.info})
	m.jobs = append(m.jobs, j)
}
