package convert

import (
	"fmt"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
)

// WithLoRA lays separate LoRA weights, of PEFT or of Megatron, over the base model that they were trained on. As in the
// reference, whatever the LoRA checkpoint holds beside adapters (the embedding and the output layer,
// or the whole model) replaces the base's. The result owns base, which stays the caller's on failure.
func WithLoRA(base ckpt.Source, meta Meta, dir string) (ckpt.Source, LoRA, error) {
	if isPEFT(dir) {
		return withPEFT(base, meta, dir)
	}
	c, err := megatron.Open(dir)
	if err != nil {
		return nil, LoRA{}, fmt.Errorf("open LoRA weights: %w", err)
	}
	fail := func(err error) (ckpt.Source, LoRA, error) {
		c.Close()
		return nil, LoRA{}, err
	}
	format, kind, err := formatOf(meta.fam, c.Legacy)
	if err != nil {
		return fail(fmt.Errorf("open LoRA weights %s: %w", c.Folder, err))
	}
	if err := agree(c.Args, meta.Config); err != nil {
		return fail(fmt.Errorf("open LoRA weights %s: %w", c.Folder, err))
	}
	s, layers, err := storedMegatron(c, format, meta.Config, layoutOf(c, meta.Config))
	if err != nil {
		return fail(fmt.Errorf("open LoRA weights: %w", err))
	}
	if layers != meta.Config.NumLayers {
		return fail(fmt.Errorf("open LoRA weights %s: adapters for %d layers, the model has %d", c.Folder, layers, meta.Config.NumLayers))
	}
	v, err := newView(meta.fam, format, meta.Config, s, true)
	if err != nil {
		return fail(fmt.Errorf("open LoRA weights %s: %w", c.Folder, err))
	}
	v.closers = append(v.closers, c)
	l := loraOf(v, c.Args, meta.fam, kind)
	if l == nil {
		return fail(fmt.Errorf("open LoRA weights %s: no lora_A and lora_B weights there", c.Folder))
	}
	return newOverlay(base, v), *l, nil
}
