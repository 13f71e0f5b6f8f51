package convert

import (
	"bytes"
	"context"
	"fmt"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/hfconfig"
)

// Options are the parameters of a conversion.
type Options struct {
	From string // directory; its format is recognised
	Out  string
	To   Format

	DType string // bf16, fp16 or fp32; empty keeps the source's

	TP, PP, EP               int
	NumLayersPerVirtualStage int
	NumLayerList             string // "1,3,4"
	NoopLayers               string // "0,47"
	MoEGroupedGEMM           bool   // the experts of a rank lie in one tensor
	MakeVocabSizeDivisibleBy int

	LoRA              string // directory of separate LoRA weights to merge
	LoRAR             int    // checked against the weights when given
	LoRAAlpha         float64
	LoRATargetModules []string

	Template          string // Hugging Face directory: config and tokenizer of the result or of a Megatron source
	Family, FamilyDir string
	ShardSize         int64
	Verify            bool   // read the result back and compare every tensor
	Compat            string // "" or RC3
	Workers           int
	Progress          func(done, total int64)
}

// Report says what a conversion did.
type Report struct {
	From, To    Format
	Family      string
	Config      hfconfig.Config
	Folder      string
	Tensors     int
	Bytes       int64
	SourceDType string
	DType       string
	Vocab       int
	PaddedVocab int
	Merged      *LoRA    // the adapter that was merged
	Verified    int      // tensors that were read back and equal
	Leftovers   []string // source tensors that are not part of the model
	Notes       []string
}

// Run converts a checkpoint: open, lay LoRA weights over, round, merge, round, write, verify.
func Run(ctx context.Context, opt Options) (Report, error) {
	if opt.Compat != "" && opt.Compat != RC3 {
		return Report{}, fmt.Errorf("convert: compat %q: want nothing or %q", opt.Compat, RC3)
	}
	to, err := ParseDType(opt.DType)
	if err != nil {
		return Report{}, fmt.Errorf("convert: %w", err)
	}
	list, err := ParseNumLayerList(opt.NumLayerList)
	if err != nil {
		return Report{}, fmt.Errorf("convert: %w", err)
	}
	noop, err := ParseNoopLayers(opt.NoopLayers)
	if err != nil {
		return Report{}, fmt.Errorf("convert: %w", err)
	}
	template := opt.Template
	if template != "" && megatron.Is(template) {
		return Report{}, fmt.Errorf("convert: template %s is a Megatron checkpoint: give a Hugging Face directory with config.json", template)
	}
	src, meta, err := OpenCanonical(opt.From, OpenOptions{Family: opt.Family, FamilyDir: opt.FamilyDir, Template: template, KeepPadding: true})
	if err != nil {
		return Report{}, fmt.Errorf("convert: %w", err)
	}
	defer func() { src.Close() }()
	if meta.Format == HF && template == "" {
		template = opt.From // its tokenizer goes along when Hugging Face is written
	}

	rep := Report{
		From: meta.Format, To: opt.To, Family: meta.Config.Family, Config: meta.Config, SourceDType: meta.DType.String(),
		Leftovers: meta.Leftovers, Notes: meta.Notes, Vocab: meta.Config.Vocab,
	}
	src, out, err := pipeline(src, &meta, opt, to, &rep)
	if err != nil {
		return Report{}, fmt.Errorf("convert %s: %w", opt.From, err)
	}
	if opt.To == HF {
		if rows := rowsOf(out, meta.fam, meta.Config.Vocab); rows > meta.Config.Vocab {
			rep.Notes = append(rep.Notes, fmt.Sprintf("%d rows of vocabulary padding were cut", rows-meta.Config.Vocab))
		}
	}
	iteration := meta.Iteration
	if meta.Format == HF || iteration == megatron.Release {
		iteration = 1 // as the reference numbers its results
	}
	w, err := Write(ctx, out, meta.Config, opt.Out, WriteOptions{
		To: opt.To,
		Layout: Layout{
			TP: opt.TP, PP: opt.PP, EP: opt.EP, NumLayersPerVirtualStage: opt.NumLayersPerVirtualStage, NumLayerList: list, NoopLayers: noop,
		},
		MakeVocabSizeDivisibleBy: opt.MakeVocabSizeDivisibleBy, MoEGroupedGEMM: opt.MoEGroupedGEMM, Iteration: iteration, Template: template, ShardSize: opt.ShardSize,
		Family: meta.Config.Family, FamilyDir: opt.FamilyDir, Compat: opt.Compat, Workers: opt.Workers, Progress: opt.Progress,
	})
	if err != nil {
		return Report{}, fmt.Errorf("convert %s: %w", opt.From, err)
	}
	rep.Folder, rep.Tensors, rep.Bytes, rep.PaddedVocab, rep.DType = w.Folder, w.Tensors, w.Bytes, w.PaddedVocab, w.DType.String()
	if opt.Verify {
		if rep.Verified, err = verify(ctx, withVocab(out, meta.fam, w.PaddedVocab), opt); err != nil {
			return Report{}, fmt.Errorf("verify %s: %w", opt.Out, err)
		}
	}
	return rep, nil
}

// pipeline stacks the views between source and result. It returns the Source to close and the one to
// write. RC3 rounds to the target type before it merges, and takes fp16 when no type is given.
func pipeline(src ckpt.Source, meta *Meta, opt Options, to dtype.DType, rep *Report) (owned, out ckpt.Source, err error) {
	lora := LoRA{}
	if meta.LoRA != nil {
		lora = *meta.LoRA
	}
	if opt.LoRA != "" {
		if meta.LoRA != nil {
			return src, nil, fmt.Errorf("the checkpoint already holds LoRA weights: convert it without `lora` first")
		}
		if src, lora, err = withLoRA(src, *meta, opt.LoRA); err != nil {
			return src, nil, err
		}
	} else if meta.LoRA == nil && (opt.LoRAR != 0 || opt.LoRAAlpha != 0 || len(opt.LoRATargetModules) > 0) {
		return src, nil, fmt.Errorf("lora_r, lora_alpha or lora_target_modules is given, but there are no LoRA weights: give `lora`")
	}
	out = src
	if opt.Compat == RC3 {
		if to == dtype.Invalid {
			to = dtype.F16
		}
		if d, err := ParseDType(meta.Config.DType); err == nil && meta.Format == HF && d.Float() && d != dtype.F32 {
			out = Cast(out, d)
		}
		out = Cast(out, to)
	}
	if HasAdapters(out) {
		if opt.LoRAAlpha != 0 {
			lora.Alpha = opt.LoRAAlpha
		}
		if opt.LoRAR != 0 {
			if opt.LoRAR != lora.R {
				return src, nil, fmt.Errorf("lora_r is %d, the LoRA weights have r %d", opt.LoRAR, lora.R)
			}
		}
		p := lora
		p.Targets = opt.LoRATargetModules
		if out, err = MergeLoRA(out, *meta, p); err != nil {
			return src, nil, err
		}
		rep.Merged = &lora
	}
	switch {
	case opt.Compat == RC3 && opt.To == HF:
		if d, err := ParseDType(meta.Config.DType); err == nil && d != dtype.Invalid {
			out = Cast(out, d)
		}
	case to != dtype.Invalid:
		out = Cast(out, to)
	}
	return src, out, nil
}

// withLoRA is WithLoRA that leaves src usable, and owned by the caller, on failure.
func withLoRA(src ckpt.Source, meta Meta, dir string) (ckpt.Source, LoRA, error) {
	out, l, err := WithLoRA(src, meta, dir)
	if err != nil {
		return src, l, err
	}
	return out, l, nil
}

// verify reads the result back as canonical tensors and compares each with what was to be written.
func verify(ctx context.Context, want ckpt.Source, opt Options) (int, error) {
	have, _, err := OpenCanonical(opt.Out, OpenOptions{Family: opt.Family, FamilyDir: opt.FamilyDir, Template: opt.Template, KeepPadding: true})
	if err != nil {
		return 0, err
	}
	defer have.Close()
	infos := map[string]ckpt.Info{}
	for _, i := range have.List() {
		infos[i.Name] = i
	}
	n := 0
	for _, i := range want.List() {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		h, ok := infos[i.Name]
		if !ok || h.DType != i.DType || fmt.Sprint(h.Shape) != fmt.Sprint(i.Shape) {
			return n, fmt.Errorf("tensor %s: %v %v was written, %v %v reads back", i.Name, i.DType, i.Shape, h.DType, h.Shape)
		}
		a, err := want.Bytes(i.Name)
		if err != nil {
			return n, err
		}
		b, err := have.Bytes(i.Name)
		if err != nil {
			return n, err
		}
		if !bytes.Equal(a, b) {
			return n, fmt.Errorf("tensor %s: reads back with other elements", i.Name)
		}
		n++
	}
	if n != len(infos) {
		return n, fmt.Errorf("%d tensors were written, %d read back", n, len(infos))
	}
	return n, nil
}
