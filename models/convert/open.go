package convert

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/ckpt/torchpt"
	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
)

// OpenOptions help to read a checkpoint that does not tell everything.
type OpenOptions struct {
	Family    string // overrides recognition
	FamilyDir string // more family files
	Template  string // Hugging Face directory whose config.json describes a Megatron checkpoint
	Merge     bool   // merge LoRA weights that the checkpoint holds
	// KeepPadding leaves the rows that pad the vocabulary; otherwise they are cut to the config's.
	KeepPadding bool
}

// OpenCanonical opens a checkpoint directory of any format as canonical tensors. Adapters that it holds
// are listed beside their base weights unless opt.Merge is set.
func OpenCanonical(dir string, opt OpenOptions) (ckpt.Source, Meta, error) {
	reg, err := Families(opt.FamilyDir)
	if err != nil {
		return nil, Meta{}, err
	}
	v, meta, err := openAny(dir, opt, reg)
	if err != nil {
		return nil, Meta{}, err
	}
	var src ckpt.Source = v
	meta.PaddedVocab = rowsOf(src, meta.fam, meta.Config.Vocab)
	if !opt.KeepPadding {
		src = withVocab(src, meta.fam, meta.Config.Vocab)
	}
	if opt.Merge && meta.LoRA != nil {
		if src, err = MergeLoRA(src, meta, *meta.LoRA); err != nil {
			v.Close()
			return nil, Meta{}, fmt.Errorf("open %s: %w", dir, err)
		}
	}
	return src, meta, nil
}

func rowsOf(src ckpt.Source, f *family.Family, vocab int) int {
	for _, i := range src.List() {
		if t, ok := f.TensorNamed(i.Name); ok && t.Vocab {
			return i.Shape[0]
		}
	}
	return vocab
}

func openAny(dir string, opt OpenOptions, reg *family.Registry) (*view, Meta, error) {
	if megatron.Is(dir) {
		return openMegatron(dir, opt, reg)
	}
	file, err := ggufFile(dir)
	if err != nil {
		return nil, Meta{}, err
	}
	if filepath.Clean(file) == filepath.Clean(dir) {
		return openGGUF(file, opt, reg)
	}
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
		return openHF(dir, opt, reg)
	} else if _, serr := os.Stat(dir); serr != nil {
		return nil, Meta{}, fmt.Errorf("open checkpoint: %w", serr)
	}
	if file != "" {
		return openGGUF(file, opt, reg)
	}
	if isPEFT(dir) {
		return nil, Meta{}, fmt.Errorf("open checkpoint %s: these are LoRA weights without a model: give the base model, and this folder as `lora`", dir)
	}
	return nil, Meta{}, fmt.Errorf("open checkpoint %s: neither config.json (Hugging Face) nor %s or mp_rank_* (Megatron) is there: %w", dir, megatron.TrackerName, fs.ErrNotExist)
}

func openHF(dir string, opt OpenOptions, reg *family.Registry) (*view, Meta, error) {
	cfg, err := hfconfig.Load(dir)
	if err != nil {
		return nil, Meta{}, err
	}
	f, err := familyOf(cfg, opt.Family, reg)
	if err != nil {
		return nil, Meta{}, fmt.Errorf("open %s: %w", dir, err)
	}
	if f.HF == nil {
		return nil, Meta{}, fmt.Errorf("open %s: family %s has no Hugging Face form", dir, f.Name)
	}
	cfg.Family = f.Name
	src, err := OpenWeights(dir)
	if err != nil {
		return nil, Meta{}, err
	}
	whole, scaled, err := withScales(src, &cfg)
	if err != nil {
		src.Close()
		return nil, Meta{}, fmt.Errorf("open %s: %w", dir, err)
	}
	s := storedSource(whole, f.HF)
	v, err := newView(f, f.HF, cfg, s, false)
	if err != nil {
		src.Close()
		err = s.placed(err, func(name string) string { return fileOf(dir, name) })
		return nil, Meta{}, fmt.Errorf("open %s as %s: %w", dir, f.Name, err)
	}
	v.closers = append(v.closers, src)
	meta := Meta{Config: cfg, Format: HF, DType: mainType(v), Layout: Whole(), Leftovers: leftovers(s), fam: f}
	if scaled {
		meta.Notes = append(meta.Notes, "8-bit weights with a scale for each block are read as bf16")
	}
	return v, meta, nil
}

// The names of PyTorch's weights in a Hugging Face directory.
const pytorchIndex, pytorchSingle = "pytorch_model.bin.index.json", "pytorch_model.bin"

// fileOf is the file of a Hugging Face directory that holds a tensor.
func fileOf(dir, name string) string {
	for _, index := range []string{safetensors.IndexName, pytorchIndex} {
		if weights, err := safetensors.ReadIndex(filepath.Join(dir, index)); err == nil {
			return weights[name]
		}
	}
	if _, err := os.Stat(filepath.Join(dir, safetensors.SingleName)); err == nil {
		return safetensors.SingleName
	}
	return pytorchSingle
}

// OpenWeights opens the weights of a Hugging Face directory: safetensors, else PyTorch files.
func OpenWeights(dir string) (ckpt.Source, error) {
	src, err := safetensors.OpenDir(dir)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return src, err
	}
	files := []string{pytorchSingle}
	weights, ierr := safetensors.ReadIndex(filepath.Join(dir, pytorchIndex))
	if ierr == nil {
		if files, err = safetensors.Shards(dir, pytorchIndex, weights); err != nil {
			return nil, err
		}
	} else if !errors.Is(ierr, fs.ErrNotExist) {
		return nil, ierr
	}
	if _, serr := os.Stat(filepath.Join(dir, files[0])); serr != nil {
		return nil, fmt.Errorf("open weights of %s: no %s, no %s and no index of either: %w", dir, safetensors.SingleName, pytorchSingle, fs.ErrNotExist)
	}
	var parts []ckpt.Source
	for _, file := range files {
		f, err := torchpt.Open(filepath.Join(dir, file))
		if err != nil {
			for _, p := range parts {
				p.Close()
			}
			return nil, err
		}
		parts = append(parts, f)
	}
	return ckpt.Join(parts...)
}

func openMegatron(dir string, opt OpenOptions, reg *family.Registry) (*view, Meta, error) {
	c, err := megatron.Open(dir)
	if err != nil {
		return nil, Meta{}, err
	}
	v, meta, err := viewMegatron(c, opt, reg)
	if err != nil {
		c.Close()
		return nil, Meta{}, err
	}
	return v, meta, nil
}

func viewMegatron(c *megatron.Checkpoint, opt OpenOptions, reg *family.Registry) (*view, Meta, error) {
	cfg, f, notes, err := configOf(c, opt, reg)
	if err != nil {
		return nil, Meta{}, err
	}
	cfg.Family = f.Name
	format, kind, err := formatOf(f, c.Legacy)
	if err != nil {
		return nil, Meta{}, fmt.Errorf("open checkpoint %s: %w", c.Folder, err)
	}
	if c.EP > 1 && cfg.MoE.Experts == 0 {
		return nil, Meta{}, fmt.Errorf("open checkpoint %s: ep %d, but family %s has no experts: give the right `family`", c.Folder, c.EP, f.Name)
	}
	layout := layoutOf(c, cfg)
	s, layers, err := storedMegatron(c, format, cfg, layout)
	if err != nil {
		return nil, Meta{}, err
	}
	if layers != cfg.NumLayers {
		return nil, Meta{}, fmt.Errorf("open checkpoint %s: its files hold %d layers, num_layers is %d", c.Folder, layers, cfg.NumLayers)
	}
	v, err := newView(f, format, cfg, s, false)
	if err != nil {
		err = s.placed(err, func(name string) string { return s.place[name] })
		return nil, Meta{}, fmt.Errorf("open checkpoint %s as %s: %w", c.Folder, f.Name, err)
	}
	v.closers = append(v.closers, c)
	meta := Meta{
		Config: cfg, Format: kind, DType: mainType(v), Layout: layout, Iteration: c.Iteration,
		LoRA: loraOf(v, c.Args, f, kind), Args: plainArgs(c.Args), Leftovers: leftovers(s), Notes: notes, fam: f,
		copies: func(ctx context.Context, workers int) error { return compareCopies(ctx, s, v, workers) },
	}
	return v, meta, nil
}

func formatOf(f *family.Family, legacy bool) (*family.Format, Format, error) {
	if legacy {
		if f.Legacy == nil {
			return nil, "", fmt.Errorf("family %s has no Megatron-Legacy form", f.Name)
		}
		return f.Legacy, Legacy, nil
	}
	if f.Mcore == nil {
		return nil, "", fmt.Errorf("family %s has no Megatron-Core form", f.Name)
	}
	return f.Mcore, Mcore, nil
}

// layoutOf is the layout that the files have.
func layoutOf(c *megatron.Checkpoint, cfg hfconfig.Config) Layout {
	l := Layout{TP: c.TP, PP: c.PP, EP: c.EP}
	if noop, err := ParseNoopLayers(noopArg(c.Args)); err == nil {
		l.NoopLayers = noop
	}
	if c.VPP > 1 {
		l.NumLayersPerVirtualStage = l.total(cfg) / c.PP / c.VPP
	}
	if list, err := ParseNumLayerList(c.Args.Text("num_layer_list", "")); err == nil && len(list) == c.PP {
		l.NumLayerList = list
	}
	return l
}

// noopArg is the noop_layers argument as text, which newer trainers keep as a set of numbers.
func noopArg(a megatron.Args) string {
	if list := a.Ints("noop_layers"); list != nil {
		return Layout{NoopLayers: list}.noopText()
	}
	return a.Text("noop_layers", "")
}

// leftovers are the stored tensors that no rule took.
func leftovers(s *stored) []string {
	var out []string
	for _, name := range s.names {
		if !s.used[name] {
			out = append(out, name)
		}
	}
	return out
}

// loraOf reads the parameters of an adapter that the files hold.
func loraOf(src ckpt.Source, a megatron.Args, f *family.Family, kind Format) *LoRA {
	if !HasAdapters(src) {
		return nil
	}
	l := &LoRA{}
	have := map[string]bool{}
	for _, i := range src.List() {
		if name, ok := strings.CutSuffix(i.Name, loraA); ok {
			l.R = i.Shape[0]
			have[name] = true
		}
	}
	l.Alpha = a.Float("lora_alpha", 0)
	for _, r := range rulesOf(f, kind).Rules {
		if r.Adapter != "" && have[at(r.Adapter, 0, -1)] {
			l.Targets = append(l.Targets, moduleName(r))
		}
	}
	return l
}

// moduleName is the last part of a rule's module: linear_qkv.
func moduleName(r family.Rule) string {
	module := strings.TrimSuffix(r.Name, ".weight")
	return module[strings.LastIndexByte(module, '.')+1:]
}

// adapterRules are the rules whose modules canonical adapters belong to.
func adapterRules(f *family.Family) []family.Rule {
	if f.Mcore != nil {
		return f.Mcore.Rules
	}
	return f.Legacy.Rules
}

func rulesOf(f *family.Family, kind Format) *family.Format {
	switch kind {
	case Legacy:
		return f.Legacy
	case Mcore:
		return f.Mcore
	}
	return f.HF
}

// plainArgs are the arguments as plain values, for reports.
func plainArgs(a megatron.Args) map[string]any {
	out := map[string]any{}
	for _, name := range a.Names() {
		v, _ := a.Value(name)
		switch x := v.(type) {
		case nil, bool, int64, int, float64, string:
			out[name] = x
		case torchpt.Global:
			out[name] = x.String()
		default:
			if l := a.Texts(name); l != nil {
				out[name] = l
			}
		}
	}
	return out
}
