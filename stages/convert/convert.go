package convert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/convert"
)

// Params are the stage's parameters. The reference's flags are aliases.
type Params struct {
	From     artifact.Ref `yaml:"from" alias:"load_dir" required:"true" kind:"hf-model,megatron-checkpoint,dir" doc:"checkpoint to convert: a Hugging Face model or a Megatron directory, recognised by its files"`
	To       string       `yaml:"to" required:"true" enum:"hf,legacy,mcore" doc:"format to write"`
	DType    string       `yaml:"dtype" alias:"params_dtype" default:"" enum:",fp32,bf16,fp16" doc:"element type of the result; empty keeps the source's"`
	TP       int          `yaml:"tp" alias:"tensor_model_parallel_size,target_tensor_parallel_size" default:"1" min:"1" doc:"tensor parallel size of the result"`
	PP       int          `yaml:"pp" alias:"pipeline_model_parallel_size,target_pipeline_parallel_size" default:"1" min:"1" doc:"pipeline parallel size of the result"`
	EP       int          `yaml:"ep" alias:"expert_model_parallel_size,target_expert_parallel_size,target_expert_model_parallel_size" default:"1" min:"1" doc:"expert parallel size of the result"`
	VPPLayer int          `yaml:"num_layers_per_virtual_pipeline_stage" default:"0" min:"0" doc:"layers of a virtual pipeline stage; 0 means no virtual pipeline"`
	Layers   string       `yaml:"num_layer_list" default:"" doc:"layers of each pipeline stage, as \"1,3,4\"; empty means equal stages"`
	Noop     string       `yaml:"noop_layers" default:"" doc:"places whose layer does nothing and has no weights, as \"0,47\", counted with them"`
	Grouped  bool         `yaml:"moe_grouped_gemm" default:"false" doc:"the experts of a rank lie in one tensor, as Megatron's grouped GEMM wants them"`
	Divisor  int          `yaml:"make_vocab_size_divisible_by" default:"1" min:"1" doc:"the vocabulary is padded to a multiple of this times tp"`
	LoRA     artifact.Ref `yaml:"lora" alias:"lora_load" kind:"lora,megatron-checkpoint,dir" doc:"LoRA weights to go with the source: a PEFT folder or a Megatron checkpoint"`
	Adapters string       `yaml:"adapters" default:"merge" enum:"merge,keep,only" doc:"LoRA weights, of lora or inside the source, are merged into the weights they belong to, kept beside them (to: mcore), or written without them (to: hf gives a PEFT folder, to: legacy what Legacy's trainer saves of LoRA)"`
	LoRAR    int          `yaml:"lora_r" default:"0" min:"0" doc:"rank of the adapters; 0 takes what the checkpoint says"`
	LoRAA    float64      `yaml:"lora_alpha" default:"0" min:"0" doc:"scale of the adapters times their rank; 0 takes what the checkpoint says"`
	Targets  []string     `yaml:"lora_target_modules" doc:"modules with adapters; empty takes what the checkpoint says"`
	Template artifact.Ref `yaml:"template" kind:"hf-model,dir" doc:"Hugging Face directory that gives config.json and the tokenizer files when writing hf"`
	Family   string       `yaml:"family" alias:"model_type_hf" default:"" doc:"model family, only when neither template nor checkpoint tells"`
	Families artifact.Ref `yaml:"family_dir" kind:"dir" doc:"folder with family files beside those built in"`
	Verify   bool         `yaml:"verify" default:"false" doc:"compare the copies on all ranks of the source, read the result back, compare every tensor, and list their digests"`
	Compat   string       `yaml:"compat" default:"" enum:",rc3" doc:"rc3 gives the reference converter's result where belay's default is safer"`
}

// tensors is the port of the list of what was written.
var tensors = artifact.Port{Name: "tensors", Kind: artifact.Text, Doc: "names, types and shapes of the canonical tensors, with digests when verified", Path: "tensors.json"}

// Stage converts weights.
type Stage struct{}

// Describe says what the stage takes and gives.
func (Stage) Describe() engine.Spec {
	return engine.Spec{
		Name:    "convert",
		Version: 1,
		Doc:     "Convert weights between Hugging Face, Megatron-Legacy and Megatron-Core, for any parallel layout.",
		Params:  Params{},
		Outputs: []artifact.Port{
			{Name: "checkpoint", Kind: artifact.Megatron, Doc: "the converted checkpoint", Path: "checkpoint"},
			tensors,
		},
		Resources: engine.Resources{CPU: -1},
	}
}

// Outputs names the port by what is written: model for Hugging Face, checkpoint for Megatron.
func (s Stage) Outputs(values map[string]any) ([]artifact.Port, error) {
	switch {
	case values["adapters"] == convert.AdaptersOnly:
		return []artifact.Port{{Name: "lora", Kind: artifact.LoRA, Doc: "the adapters as a PEFT folder or a Legacy checkpoint", Path: "lora"}}, nil
	case values["to"] == "hf":
		return []artifact.Port{{Name: "model", Kind: artifact.HFModel, Doc: "the converted model", Path: "model"}, tensors}, nil
	}
	return s.Describe().Outputs, nil
}

// Run converts.
func (Stage) Run(ctx context.Context, in engine.In, out engine.Out) error {
	p := in.Params.(*Params)
	port := "checkpoint"
	switch {
	case p.Adapters == convert.AdaptersOnly:
		port = "lora"
	case p.To == "hf":
		port = "model"
	}
	if err := p.check(); err != nil {
		return fault.Wrap(fault.Recipe, err)
	}
	report, err := convert.Run(ctx, convert.Options{
		From: p.From.Path, To: convert.Format(p.To), Out: out.Path(port), DType: p.DType,
		TP: p.TP, PP: p.PP, EP: p.EP, NumLayersPerVirtualStage: p.VPPLayer, NumLayerList: p.Layers, NoopLayers: p.Noop, MoEGroupedGEMM: p.Grouped,
		MakeVocabSizeDivisibleBy: p.Divisor,
		LoRA:                     p.LoRA.Path, Adapters: p.Adapters, LoRAR: p.LoRAR, LoRAAlpha: p.LoRAA, LoRATargetModules: p.Targets,
		Template: p.Template.Path, Family: p.Family, FamilyDir: p.Families.Path, Verify: p.Verify, Compat: p.Compat, Workers: in.CPU,
		Progress: progress(in),
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fault.Wrap(fault.Data, err)
	}
	for _, n := range report.Notes {
		in.Events.Info(n, nil)
	}
	if left := report.Leftovers; len(left) > 0 {
		const most = 8
		names := strings.Join(left[:min(len(left), most)], ", ")
		if len(left) > most {
			names += ", ..."
		}
		in.Events.Warn(fmt.Sprintf("%d tensors of the source are not part of the model: %s", len(left), names), nil)
	}
	in.Events.Info(fmt.Sprintf("%d tensors, %s to %s, %s", report.Tensors, report.From, report.To, report.DType), nil)
	if p.Adapters != convert.AdaptersOnly {
		if err := writeManifest(out.Path("tensors"), report.Manifest); err != nil {
			return err
		}
	}
	out.Note("tensors", report.Tensors)
	out.Note("dtype", report.DType)
	return nil
}

func writeManifest(path string, m convert.Manifest) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write tensors: %w", err)
	}
	if err := errors.Join(m.Write(f), f.Close()); err != nil {
		return fmt.Errorf("write tensors: %w", err)
	}
	return nil
}

// check finds the mistakes that the parameters show by themselves.
func (p *Params) check() error {
	if _, err := convert.ParseNumLayerList(p.Layers); err != nil {
		return err
	}
	if p.To == "hf" && (p.TP > 1 || p.PP > 1 || p.EP > 1 || p.VPPLayer > 0 || p.Layers != "") {
		return errors.New("to: hf writes no ranks: leave tp, pp, ep, num_layers_per_virtual_pipeline_stage and num_layer_list out")
	}
	if _, err := convert.ParseNoopLayers(p.Noop); err != nil {
		return err
	}
	if p.To == "hf" && (p.Noop != "" || p.Grouped) {
		return errors.New("to: hf: noop_layers and moe_grouped_gemm are layouts of Megatron checkpoints: leave them out")
	}
	if p.To == "hf" && p.Divisor > 1 {
		return errors.New("to: hf keeps the vocabulary of the config: leave make_vocab_size_divisible_by out")
	}
	if p.Family == "" {
		return nil
	}
	families, err := convert.Families(p.Families.Path)
	if err != nil {
		return err
	}
	_, err = families.Named(p.Family)
	return err
}

// progress reports bytes in rising order, whatever the order in which parallel writers tell of them.
func progress(in engine.In) func(done, total int64) {
	var mu sync.Mutex
	most := int64(0)
	return func(done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if done > most {
			most = done
			in.Events.Progress(done, total, "bytes", "")
		}
	}
}
