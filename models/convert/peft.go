package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/ckpt/torchpt"
)

// The files of a PEFT folder, and what stands before the model's own names in it.
const (
	peftConfigName = "adapter_config.json"
	peftWeights    = "adapter_model.safetensors"
	peftPickle     = "adapter_model.bin"
	peftPrefix     = "base_model.model."
)

// maxPEFTConfig bounds adapter_config.json.
const maxPEFTConfig = 1 << 20

// peftConfig is what adapter_config.json says of LoRA weights (PEFT, LoraConfig).
type peftConfig struct {
	Type     string         `json:"peft_type"`
	Task     string         `json:"task_type,omitempty"`
	Base     string         `json:"base_model_name_or_path"`
	R        int            `json:"r"`
	Alpha    float64        `json:"lora_alpha"`
	Dropout  float64        `json:"lora_dropout"`
	Targets  any            `json:"target_modules"` // a list, or a pattern; the names of the weights tell more
	Bias     string         `json:"bias"`
	FanInOut bool           `json:"fan_in_fan_out"`
	RSLoRA   bool           `json:"use_rslora"`
	DoRA     bool           `json:"use_dora"`
	Ranks    map[string]any `json:"rank_pattern,omitempty"`
	Alphas   map[string]any `json:"alpha_pattern,omitempty"`
	Fixed    bool           `json:"inference_mode"`
}

// isPEFT says whether a folder holds PEFT weights.
func isPEFT(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, peftConfigName))
	return err == nil
}

// readPEFTConfig reads what a folder says of its weights and refuses what a product of two matrices cannot express.
func readPEFTConfig(dir string) (peftConfig, error) {
	path := filepath.Join(dir, peftConfigName)
	c := peftConfig{Bias: "none"}
	if st, err := os.Stat(path); err == nil && st.Size() > maxPEFTConfig {
		return c, fmt.Errorf("read %s: %d bytes, want at most %d", path, st.Size(), maxPEFTConfig)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("read %s: %w", path, err)
	}
	bad := func(format string, args ...any) (peftConfig, error) {
		return c, fmt.Errorf("read %s: %s", path, fmt.Sprintf(format, args...))
	}
	switch {
	case c.Type != "LORA":
		return bad("peft_type is %q: LORA is read", c.Type)
	case c.DoRA:
		return bad("use_dora: weights with magnitudes of their own (DoRA) are not read: merge them with PEFT's merge_and_unload")
	case len(c.Ranks) > 0 || len(c.Alphas) > 0:
		return bad("rank_pattern and alpha_pattern: one rank and one alpha for all modules are read: merge with PEFT's merge_and_unload")
	case c.Bias != "none" && c.Bias != "":
		return bad("bias is %q: trained biases are not read", c.Bias)
	case c.R < 1 || c.R > 1<<16:
		return bad("r is %d", c.R)
	case !(c.Alpha > 0) || math.IsInf(c.Alpha, 0):
		return bad("lora_alpha is %g", c.Alpha)
	}
	return c, nil
}

// scale is what B A is multiplied by.
func (c peftConfig) scale() float64 {
	if c.RSLoRA {
		return c.Alpha / math.Sqrt(float64(c.R))
	}
	return c.Alpha / float64(c.R)
}

// openPEFTWeights opens the weights of a folder.
func openPEFTWeights(dir string) (ckpt.Source, error) {
	src, err := safetensors.Open(filepath.Join(dir, peftWeights))
	if err == nil {
		return src, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	old, err := torchpt.Open(filepath.Join(dir, peftPickle))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open LoRA weights: neither %s nor %s is in %s: %w", peftWeights, peftPickle, dir, fs.ErrNotExist)
	} else if err != nil {
		return nil, err
	}
	return old, nil
}

// peftName takes an adapter's name apart: module.lora_A.weight, also with the adapter's name before weight.
var peftName = regexp.MustCompile(`^(.+)\.lora_([AB])(?:\.[^.]+)?\.weight$`)

// computed is a Source whose tensors are made when they are asked for.
type computed struct {
	infos []ckpt.Info
	make  map[string]func() ([]byte, error)
	owned io.Closer
}

func (c *computed) add(i ckpt.Info, how func() ([]byte, error)) {
	c.infos = append(c.infos, i)
	c.make[i.Name] = how
}

func (c *computed) List() []ckpt.Info { return append([]ckpt.Info(nil), c.infos...) }

func (c *computed) Bytes(name string) ([]byte, error) {
	how, ok := c.make[name]
	if !ok {
		return nil, fmt.Errorf("read tensor %s: not in this checkpoint", name)
	}
	return how()
}

func (c *computed) Close() error { return c.owned.Close() }
