package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
)

// writeHF fills weights in a hidden folder of dir, moves them out and writes config.json last, so that
// the directory is a model only when it is complete.
func writeHF(ctx context.Context, src ckpt.Source, cfg hfconfig.Config, f *family.Family, dir string, opt WriteOptions) (Written, error) {
	l := opt.Layout.filled()
	if opt.MoEGroupedGEMM || l.NoopLayers != nil {
		return Written{}, fmt.Errorf("write hf: moe_grouped_gemm and noop_layers are layouts of Megatron checkpoints: leave them out")
	}
	if f.HF == nil {
		return Written{}, fmt.Errorf("write hf: family %s has no Hugging Face form: write mcore", f.Name)
	}
	if l.TP > 1 || l.PP > 1 || l.EP > 1 || l.NumLayersPerVirtualStage > 0 || l.NumLayerList != nil {
		return Written{}, fmt.Errorf("write hf: a Hugging Face directory has no ranks: leave tp, pp, ep, vpp and num_layer_list out")
	}
	src = withVocab(src, f, cfg.Vocab)
	if err := refuseOther(dir); err != nil {
		return Written{}, err
	}
	p := newPlanner(src, newModel(f, cfg, false), 1)
	jobs, err := p.flat(f.HF)
	if err != nil {
		return Written{}, err
	}
	if err := p.unused(); err != nil {
		return Written{}, err
	}
	d := mainType(src)
	if name := configDType(d); name != "" {
		cfg.DType = name
	}
	text, err := configFile(cfg, opt.Template)
	if err != nil {
		return Written{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Written{}, fmt.Errorf("write hf: %w", err)
	}
	scratch, err := os.MkdirTemp(dir, ".weights-")
	if err != nil {
		return Written{}, fmt.Errorf("write hf: %w", err)
	}
	defer os.RemoveAll(scratch)
	var infos []ckpt.Info
	out := Written{Folder: dir, Tensors: len(jobs), PaddedVocab: cfg.Vocab, DType: d}
	for _, j := range jobs {
		infos = append(infos, j.info)
		out.Bytes += j.size
	}
	w, err := safetensors.CreateDir(scratch, infos, opt.ShardSize, nil)
	if err != nil {
		return Written{}, err
	}
	err = run(ctx, src, Env{HeadDim: cfg.HeadDim}, 1, jobs, opt, func(_ int, o output, data []byte) error {
		return w.Append(o.name, data)
	})
	if err != nil {
		return Written{}, errors.Join(err, w.Abort())
	}
	if err := w.Close(); err != nil {
		return Written{}, err
	}
	if err := publish(scratch, dir, opt.Template, text); err != nil {
		return Written{}, fmt.Errorf("write hf: %w", err)
	}
	return out, nil
}

// flat plans the tensors of a format without ranks, layer by layer.
func (p *planner) flat(format *family.Format) ([]*job, error) {
	var jobs []*job
	add := func(r family.Rule, layer, expert int) error {
		from, to := expert, expert+1
		if r.Experts != "" {
			from, to = 0, p.cfg.MoE.Experts
		}
		j, err := p.job(r, layer, from, to, at(r.Name, layer, expert))
		if err == nil && j != nil {
			j.outs = []output{{name: j.info.Name}}
			jobs = append(jobs, j)
		}
		return err
	}
	var layerRules []family.Rule
	for _, r := range format.Rules {
		if layered(r.Name) {
			layerRules = append(layerRules, r)
		}
	}
	groups := runs(layerRules, func(r family.Rule) string { return r.Name })
	done := false
	for _, r := range format.Rules {
		if !layered(r.Name) {
			if err := add(r, -1, -1); err != nil {
				return nil, err
			}
			continue
		}
		if done {
			continue
		}
		done = true
		for l := range p.cfg.NumLayers {
			for _, group := range groups {
				first, last := -1, 0
				if experted(group[0].Name) {
					first, last = 0, p.cfg.MoE.Experts
				}
				for e := first; e < last; e++ {
					for _, lr := range group {
						if err := add(lr, l, e); err != nil {
							return nil, err
						}
					}
				}
			}
		}
	}
	return jobs, nil
}

// refuseOther keeps two models from mixing in one directory.
func refuseOther(dir string) error {
	for _, pattern := range []string{"*.safetensors", "*.bin", "*.index.json"} {
		if names, _ := filepath.Glob(filepath.Join(dir, pattern)); len(names) > 0 {
			return fmt.Errorf("write hf: %s already holds %s: choose another output directory", dir, filepath.Base(names[0]))
		}
	}
	return nil
}

// configFile is the template's config.json, byte for byte when it says the same, or a new one.
func configFile(cfg hfconfig.Config, template string) ([]byte, error) {
	if template != "" {
		if was, err := hfconfig.Load(template); err == nil && was.DType == cfg.DType && was.Vocab == cfg.Vocab && was.TieEmbeddings == cfg.TieEmbeddings &&
			(was.Raw["quantization_config"] == nil) == (cfg.Raw["quantization_config"] == nil) {
			return os.ReadFile(filepath.Join(template, "config.json"))
		}
	}
	return cfg.JSON()
}

// carried are the template's files beside weights and config.json that belong to a model: the
// tokenizer, generation defaults, and code of remote-code models.
var carried = [...]string{
	"generation_config.json", "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.tiktoken",
	"*.model", "chat_template*", "*.py", "LICENSE*", "NOTICE*",
}

// publish moves the weights out of scratch, copies the template's files and writes config.json.
func publish(scratch, dir, template string, config []byte) error {
	names, err := os.ReadDir(scratch)
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b os.DirEntry) int { // the index after the shards
		return len(filepath.Ext(b.Name())) - len(filepath.Ext(a.Name()))
	})
	for _, n := range names {
		if err := os.Rename(filepath.Join(scratch, n.Name()), filepath.Join(dir, n.Name())); err != nil {
			return err
		}
	}
	if template != "" {
		if err := copyCarried(template, dir); err != nil {
			return err
		}
	}
	return renameio.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
}

// maxCarried bounds a copied file: a large vocabulary takes 40 MB.
const maxCarried = 256 << 20

func copyCarried(from, to string) error {
	for _, pattern := range carried {
		paths, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			st, err := os.Stat(path)
			if err != nil {
				return err
			}
			if !st.Mode().IsRegular() || st.Size() > maxCarried {
				continue
			}
			if err := copyFile(path, filepath.Join(to, filepath.Base(path))); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := renameio.NewPendingFile(to, renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer out.Cleanup()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.CloseAtomicallyReplace()
}
