package convert

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt/gguf"
	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
)

// ggufFile is the GGUF file that a path is, or the only one of a directory; "" when there is none.
func ggufFile(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", nil // the caller says so
	}
	if !st.IsDir() {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		head := make([]byte, len(gguf.Magic))
		if n, _ := f.Read(head); n == len(head) && string(head) == gguf.Magic {
			return path, nil
		}
		return "", nil
	}
	found, err := filepath.Glob(filepath.Join(path, "*.gguf"))
	switch {
	case err != nil || len(found) == 0:
		return "", err
	case len(found) > 1:
		var names []string
		for _, f := range found {
			names = append(names, filepath.Base(f))
		}
		return "", fmt.Errorf("open checkpoint %s: %d GGUF files, %s: name one (parts of a split file are joined by llama-gguf-split --merge)", path, len(names), strings.Join(names[:min(3, len(names))], ", "))
	}
	return found[0], nil
}

// openGGUF opens a file of llama.cpp as canonical tensors. It carries no tokenizer that others read, and of a llama3
// rope scaling only the outcome, so for those a template tells the config.
func openGGUF(path string, opt OpenOptions, reg *family.Registry) (*view, Meta, error) {
	file, err := gguf.Open(path)
	if err != nil {
		return nil, Meta{}, err
	}
	v, meta, err := viewGGUF(file, opt, reg)
	if err != nil {
		file.Close()
		return nil, Meta{}, fmt.Errorf("open %s: %w", path, err)
	}
	v.closers = append(v.closers, file)
	return v, meta, nil
}

func viewGGUF(file *gguf.File, opt OpenOptions, reg *family.Registry) (*view, Meta, error) {
	cfg, err := configOfGGUF(file)
	if err != nil {
		return nil, Meta{}, err
	}
	var notes []string
	if opt.Template != "" {
		own := cfg
		if cfg, err = hfconfig.Load(opt.Template); err != nil {
			return nil, Meta{}, fmt.Errorf("read template: %w", err)
		}
		if d := differs(own, cfg); d != "" {
			return nil, Meta{}, fmt.Errorf("%s: is the template of another model?", d)
		}
	} else {
		notes = append(notes, "the tokenizer of a GGUF file is not converted: a template (the original Hugging Face directory) brings it along")
		for _, i := range file.List() {
			if i.Name == "rope_freqs.weight" {
				return nil, Meta{}, fmt.Errorf("rope_freqs.weight holds frequencies that were scaled, not how: give a template (the original Hugging Face directory, with config.json)")
			}
		}
	}
	f, err := familyOf(cfg, opt.Family, reg)
	if err != nil {
		return nil, Meta{}, err
	}
	if f.GGUF == nil {
		return nil, Meta{}, fmt.Errorf("family %s has no GGUF form", f.Name)
	}
	cfg.Family = f.Name
	s := storedSource(file, f.GGUF)
	v, err := newView(f, f.GGUF, cfg, s, false)
	if err != nil {
		return nil, Meta{}, err
	}
	return v, Meta{Config: cfg, Format: GGUF, DType: mainType(v), Layout: Whole(), Leftovers: leftovers(s), Notes: notes, fam: f}, nil
}

// differs names a size in which a file and its template disagree.
func differs(own, template hfconfig.Config) string {
	for _, c := range []struct {
		name     string
		own, has int
	}{
		{"hidden_size", own.Hidden, template.Hidden}, {"num_hidden_layers", own.NumLayers, template.NumLayers}, {"intermediate_size", own.FFN, template.FFN},
		{"num_attention_heads", own.NumHeads, template.NumHeads}, {"num_key_value_heads", own.NumKVHeads, template.NumKVHeads}, {"vocab_size", own.Vocab, template.Vocab},
	} {
		if c.own != c.has {
			return fmt.Sprintf("%s is %d, but the config of the template says %d", c.name, c.own, c.has)
		}
	}
	return ""
}

// configOfGGUF is the config.json that the metadata of a llama file amounts to.
func configOfGGUF(file *gguf.File) (hfconfig.Config, error) {
	if arch, _ := file.Value("general.architecture"); arch != "llama" {
		return hfconfig.Config{}, fmt.Errorf("general.architecture is %v: llama files are read", arch)
	}
	if n, ok := file.Value("llama.expert_count"); ok && n != int64(0) {
		return hfconfig.Config{}, fmt.Errorf("llama.expert_count is %v: files with experts are not read: convert the Hugging Face model", n)
	}
	tied := true
	var vocab, hidden int
	d := dtype.F32
	for _, i := range file.List() {
		switch {
		case i.Name == "output.weight":
			tied = false
		case i.Name == "token_embd.weight" && len(i.Shape) == 2:
			vocab, hidden = i.Shape[0], i.Shape[1]
		}
		if len(i.Shape) == 2 && i.DType != dtype.F32 {
			d = i.DType
		}
	}
	doc := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_act": "silu", "tie_word_embeddings": tied,
		"vocab_size": vocab, "torch_dtype": configDType(d),
	}
	for key, name := range map[string]string{
		"llama.block_count": "num_hidden_layers", "llama.embedding_length": "hidden_size", "llama.feed_forward_length": "intermediate_size",
		"llama.attention.head_count": "num_attention_heads", "llama.attention.head_count_kv": "num_key_value_heads", "llama.context_length": "max_position_embeddings",
		"llama.attention.layer_norm_rms_epsilon": "rms_norm_eps", "llama.rope.freq_base": "rope_theta", "llama.attention.key_length": "head_dim",
		"tokenizer.ggml.bos_token_id": "bos_token_id", "tokenizer.ggml.eos_token_id": "eos_token_id",
	} {
		v, ok := file.Value(key)
		if !ok {
			continue
		}
		if list, isList := v.(gguf.Array); isList {
			return hfconfig.Config{}, fmt.Errorf("%s is a list of %d: layers of different sizes are not read", key, list.Len)
		}
		if f, isFloat := v.(float64); isFloat {
			v = shortest(f)
		}
		doc[name] = v
	}
	if doc["hidden_size"] != int64(hidden) {
		return hfconfig.Config{}, fmt.Errorf("llama.embedding_length is %v, token_embd.weight has %d columns", doc["hidden_size"], hidden)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return hfconfig.Config{}, err
	}
	cfg, err := hfconfig.Parse(text)
	if err != nil {
		return cfg, err
	}
	if n, ok := file.Value("llama.rope.dimension_count"); ok && n != int64(cfg.HeadDim) {
		return cfg, fmt.Errorf("llama.rope.dimension_count is %v, heads have %d: partial rotary positions are not read", n, cfg.HeadDim)
	}
	if kind, ok := file.Value("llama.rope.scaling.type"); ok && kind != "none" && kind != "" {
		return cfg, fmt.Errorf("llama.rope.scaling.type is %v: give a template (the original Hugging Face directory, with config.json)", kind)
	}
	return cfg, nil
}

// shortest is the number that a float32 was written as: 1e-05 for 9.99999975e-06.
func shortest(f float64) float64 {
	if v := float64(float32(f)); v == f {
		var out float64
		if _, err := fmt.Sscan(fmt.Sprint(float32(f)), &out); err == nil {
			return out
		}
	}
	return f
}
