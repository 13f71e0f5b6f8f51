package convert

import (
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

	LoRA              string // directory of separate LoRA weights: PEFT's, or a Megatron checkpoint
	Adapters          string // what becomes of LoRA weights: AdaptersMerge (also when empty), AdaptersKeep or AdaptersOnly
	LoRAR             int    // checked against the weights when given
	LoRAAlpha         float64
	LoRATargetModules []string

	Template          string // Hugging Face directory: config and tokenizer of the result or of a Megatron source
	Family, FamilyDir string
	ShardSize         int64
	Verify            bool   // compare the copies of all ranks of the source, read the result back and compare every tensor
	Compat            string // "" or RC3
	Workers           int
	Progress          func(done, total int64)
}

// What a conversion does with LoRA weights.
const (
	AdaptersMerge = "merge" // into the weights that they belong to
	AdaptersKeep  = "keep"  // beside them, which Megatron-Core checkpoints can
	AdaptersOnly  = "only"  // without them: a PEFT folder, or a Legacy checkpoint of LoRA
)

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
	Manifest    Manifest // what was written; of adapters alone there is none
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
	if err := opt.checkAdapters(); err != nil {
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
	if opt.Verify && meta.copies != nil {
		if err := meta.copies(ctx, opt.Workers); err != nil {
			return Report{}, fmt.Errorf("verify %s: %w", opt.From, err)
		}
	}
	if meta.Format == HF && template == "" {
		template = opt.From // its tokenizer goes along when Hugging Face is written
	}

	rep := Report{
		From: meta.Format, To: opt.To, Family: meta.Config.Family, Config: meta.Config, SourceDType: meta.DType.String(),
		Leftovers: meta.Leftovers, Notes: meta.Notes, Vocab: meta.Config.Vocab,
	}
	src, out, lora, err := pipeline(src, &meta, opt, to, &rep)
	if err != nil {
		return Report{}, fmt.Errorf("convert %s: %w", opt.From, err)
	}
	var args map[string]any
	switch {
	case opt.Adapters == AdaptersOnly && opt.To == HF:
		base := ""
		if meta.Format == HF {
			base = opt.From
		}
		w, err := writePEFT(ctx, out, meta, lora, opt.Out, base)
		if err != nil {
			return Report{}, fmt.Errorf("convert %s: %w", opt.From, err)
		}
		rep.Folder, rep.Tensors, rep.Bytes, rep.PaddedVocab, rep.DType = w.Folder, w.Tensors, w.Bytes, w.PaddedVocab, w.DType.String()
		return rep, nil
	case opt.Adapters == AdaptersKeep || opt.Adapters == AdaptersOnly:
		args = map[string]any{"lora_alpha": lora.Alpha}
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
	if n := meta.Config.NumKVHeads; opt.To != HF && opt.TP > n && meta.Config.MLA.KVLoRA == 0 {
		rep.Notes = append(rep.Notes, fmt.Sprintf("tp %d is more than the %d key/value heads: each is stored %d times, and num_query_groups is %d", opt.TP, n, opt.TP/n, opt.TP))
	}
	if kind, ok := meta.Args["tokenizer_type"].(string); ok { // the trainer's choice outlives the layout
		if args == nil {
			args = map[string]any{}
		}
		args["tokenizer_type"] = kind
	}
	w, err := Write(ctx, out, meta.Config, opt.Out, WriteOptions{
		To: opt.To,
		Layout: Layout{
			TP: opt.TP, PP: opt.PP, EP: opt.EP, NumLayersPerVirtualStage: opt.NumLayersPerVirtualStage, NumLayerList: list, NoopLayers: noop,
		},
		MakeVocabSizeDivisibleBy: opt.MakeVocabSizeDivisibleBy, MoEGroupedGEMM: opt.MoEGroupedGEMM, AdaptersOnly: opt.Adapters == AdaptersOnly, Iteration: iteration, Args: args, Template: template, ShardSize: opt.ShardSize,
		Family: meta.Config.Family, FamilyDir: opt.FamilyDir, Compat: opt.Compat, Workers: opt.Workers, Progress: opt.Progress,
	})
	if err != nil {
		return Report{}, fmt.Errorf("convert %s: %w", opt.From, err)
	}
	rep.Folder, rep.Tensors, rep.Bytes, rep.PaddedVocab, rep.DType = w.Folder, w.Tensors, w.Bytes, w.PaddedVocab, w.DType.String()
	if opt.Adapters == AdaptersOnly {
		return rep, nil
	}
	whole := withVocab(out, meta.fam, w.PaddedVocab)
	rep.Manifest = manifestOf(rep, whole)
	if opt.Verify {
		if err := rep.Manifest.verify(ctx, whole, opt); err != nil {
			return Report{}, fmt.Errorf("verify %s: %w", opt.Out, err)
		}
		rep.Verified = len(rep.Manifest.Tensors)
	}
	return rep, nil
}

// checkAdapters refuses what cannot become of LoRA weights.
func (opt Options) checkAdapters() error {
	switch {
	case opt.Adapters == "" || opt.Adapters == AdaptersMerge:
		return nil
	case opt.Adapters != AdaptersKeep && opt.Adapters != AdaptersOnly:
		return fmt.Errorf("adapters %q: want %s, %s or %s", opt.Adapters, AdaptersMerge, AdaptersKeep, AdaptersOnly)
	case opt.Compat == RC3:
		return fmt.Errorf("adapters %s cannot be had with compat rc3: the reference merges them", opt.Adapters)
	case opt.Adapters == AdaptersKeep && opt.To != Mcore:
		return fmt.Errorf("adapters keep: %s checkpoints hold no adapters beside weights: write mcore, or the adapters alone (adapters: only)", opt.To)
	case opt.Adapters == AdaptersOnly && opt.To == Mcore:
		return fmt.Errorf("adapters only: Megatron-Core's LoRA checkpoints hold the model too: keep the adapters (adapters: keep), or write them as a PEFT folder (to: hf) or a Legacy checkpoint (to: legacy)")
	case opt.Adapters == AdaptersOnly && opt.Verify:
		return fmt.Errorf("verify cannot be had with adapters only: merge the result to check it")
	}
	return nil
}

// pipeline stacks the views between source and result. It returns the Source to close, the one to write, and what is
// known of its adapters. RC3 rounds to the target type before it merges, and takes fp16 when no type is given.
func pipeline(src ckpt.Source, meta *Meta, opt Options, to dtype.DType, rep *Report) (owned, out ckpt.Source, lora LoRA, err error) {
	fail := func(err error) (ckpt.Source, ckpt.Source, LoRA, error) { return src, nil, lora, err }
	if meta.LoRA != nil {
		lora = *meta.LoRA
	}
	if opt.LoRA != "" {
		if meta.LoRA != nil {
			return fail(fmt.Errorf("the checkpoint already holds LoRA weights: convert it without `lora` first"))
		}
		upper, l, err := WithLoRA(src, *meta, opt.LoRA)
		if err != nil {
			return fail(err) // src is still the caller's
		}
		src, lora = upper, l
	} else if meta.LoRA == nil && (opt.LoRAR != 0 || opt.LoRAAlpha != 0 || len(opt.LoRATargetModules) > 0) {
		return fail(fmt.Errorf("lora_r, lora_alpha or lora_target_modules is given, but there are no LoRA weights: give `lora`"))
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
	switch {
	case HasAdapters(out):
		if err := lora.given(opt.LoRAR, opt.LoRAAlpha); err != nil {
			return fail(err)
		}
		if opt.Adapters != "" && opt.Adapters != AdaptersMerge {
			if !(lora.Alpha > 0) {
				return fail(fmt.Errorf("the checkpoint does not tell lora_alpha: give the value used in training"))
			}
			break
		}
		p := lora
		p.Targets = opt.LoRATargetModules
		if out, err = MergeLoRA(out, *meta, p); err != nil {
			return fail(err)
		}
		rep.Merged = &lora
	case opt.Adapters == AdaptersKeep || opt.Adapters == AdaptersOnly:
		return fail(fmt.Errorf("adapters %s: there are no LoRA weights: give `lora`", opt.Adapters))
	}
	switch {
	case opt.Compat == RC3 && opt.To == HF:
		if d, err := ParseDType(meta.Config.DType); err == nil && d != dtype.Invalid {
			out = Cast(out, d)
		}
	case to != dtype.Invalid:
		out = Cast(out, to)
	}
	return src, out, lora, nil
}

// given holds what the user says of an adapter against what the files say. An alpha wins over theirs.
func (l *LoRA) given(r int, alpha float64) error {
	own := l.R
	if l.Own > 0 {
		own = l.Own
	}
	if r != 0 && r != own {
		return fmt.Errorf("lora_r is %d, the LoRA weights have r %d", r, own)
	}
	if alpha != 0 {
		l.Alpha = alpha * float64(l.R) / float64(own)
	}
	return nil
}
