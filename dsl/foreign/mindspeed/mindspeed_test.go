package mindspeed

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/foreign/shell"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
	"github.com/belay-ml/belay/dsl/pos"
)

func jobs(t *testing.T, script string) ([]*foreign.Job, []foreign.Left) {
	t.Helper()
	s, l := shell.Read(pos.NewFile("a.sh", "/w/a.sh", "/w", script))
	if s == nil {
		t.Fatal(l)
	}
	return Jobs(s, dsltest.Stages())
}

// described is a job's settings, "field=texts", "field?open" for what is not known.
func described(j *foreign.Job) string {
	return j.Kind + " " + j.Name + ": " + listed(j.Settings)
}

func listed(settings []foreign.Setting) string {
	var parts []string
	for _, s := range settings {
		switch {
		case s.Open != "":
			parts = append(parts, s.Field+"?"+s.Open)
		case len(s.Items) > 0:
			text := s.Field
			for _, item := range s.Items {
				text += "[" + listed(item) + "]"
			}
			parts = append(parts, text)
		default:
			parts = append(parts, s.Field+"="+strings.Join(s.Texts, "|"))
		}
	}
	return strings.Join(parts, " ")
}

func TestProgramsBecomeJobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, script, want string }{
		{"one flag an argument", "python pretrain_gpt.py --load=a --data-path b --lr=1 --split 1", "pretrain pretrained: load=a data_path=b lr=1 split=1"},
		{"tuning by its data", "python pretrain_gpt.py --is-instruction-dataset --load a --split 1", "finetune tuned: load=a is_instruction_dataset= split=1"},
		{"tuning by the program", "python posttrain_gpt.py --load a --split 1", "finetune tuned: load=a split=1"},
		{"tuning by its stage", "python pretrain_gpt.py --stage sft --load a --split 1", "finetune tuned: load=a split=1"},
		{"adapters", "python posttrain_gpt.py --load a --split 1 --lora-target-modules x y", "finetune tuned: load=a mode=lora split=1 lora_target_modules=x|y"},
		{"words that lost their quotes", "L=\"your path\"\npython posttrain_gpt.py --load $L --data-path $L --split 1", "finetune tuned: load=your path data_path=your path split=1"},
		{"a blend", "python pretrain_gpt.py --load a --data-path 0.3 x 0.7 y --split 1", "pretrain pretrained: load=a blend[data=x weight=0.3][data=y weight=0.7] split=1"},
		{"a blend with a path that is not known", "python pretrain_gpt.py --load a --data-path 1 x 2 y/$Y --split 1", "pretrain pretrained: load=a blend[data=x weight=1][data?y/$Y weight=2] split=1"},
		{"half a blend", "python pretrain_gpt.py --load a --data-path 0.3 x 0.7 --split 1", "pretrain pretrained: load=a data_path?0.3 x 0.7 split=1"},
		{"data for training alone", "python pretrain_gpt.py --load a --train-data-path x --valid-data-path y", "pretrain pretrained: load=a split=100,0,0 data_path=x valid_data_path=y"},
		{"a blend to tune on", "python posttrain_gpt.py --load a --data-path 0.3 x 0.7 y --split 1", "finetune tuned: load=a data_path?0.3 x 0.7 y split=1"},
		{"the split that is not given", "python posttrain_gpt.py --load a", "finetune tuned: load=a split=969,30,1"},
		{"what is not known", "python posttrain_gpt.py --load $1 --lr $(x) --split 1", "finetune tuned: load?$1 lr?$(x) split=1"},
		{"to Megatron-Core", "python convert_ckpt.py --use-mcore-models --load-dir a --params-dtype bf16", "convert shards: to=mcore from=a dtype=bf16"},
		{"to Legacy", "python convert_ckpt.py --load-dir a", "convert shards: to=legacy from=a dtype=fp16"},
		{"from Megatron-Core to Legacy", "python convert_ckpt.py --use-mcore-models --save-to-legacy --load-dir a", "convert shards: to=legacy from=a dtype=fp16"},
		{"to Hugging Face", "python convert_ckpt.py --save-model-type hf --load-dir a --save-dir b", "convert exported: to=hf from=a template=b"},
		{"to Hugging Face by an older converter", "python convert_ckpt.py --loader megatron --saver save_huggingface_llama --load-dir a --save-dir b", "convert exported: to=hf from=a template=b loader=megatron"},
		{"to Legacy by an older converter", "python convert_ckpt.py --loader llama2_hf --saver megatron --load-dir a", "convert shards: to=legacy from=a dtype=fp16 loader=llama2_hf"},
		{"grouped experts come and go", "python convert_ckpt.py --save-model-type hf --moe-grouped-gemm --load-dir a", "convert exported: to=hf from=a"},
		{"grouped experts are made", "python convert_ckpt.py --use-mcore-models --moe-grouped-gemm --load-dir a --params-dtype bf16", "convert shards: to=mcore from=a dtype=bf16 moe_grouped_gemm="},
		{"a later converter", "python convert_ckpt_v2.py --save-model-type mg --load-dir a", "convert shards: to=mcore from=a"},
		{"tags among the columns", `python preprocess_data.py --map-keys '{"messages":"m","tags":{"role_tag":"r"}}'`, `preprocess text: map_keys={"messages":"m"} tags={"role_tag":"r"}`},
		{"sampling", "python inference.py --task do_sample --load a --top-k 5", "generate answers: model=a prompts?nothing do_sample=true temperature=0.7 top_p=0.95 top_k=5"},
		{"the greatest token", "python inference.py --load a --top-k 5", "generate answers: model=a prompts?nothing"},
		{"a launcher of another kind", "msrun --worker_num 8 path/to/preprocess_data.py --input x --output-prefix d/e", "preprocess text: input=x output_prefix=e"},
		{"instructions", "python preprocess_data.py --handler-name AlpacaStyleInstructionHandler --pack", "preprocess records: style=AlpacaStyleInstructionHandler pack="},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			js, left := jobs(t, c.script)
			if len(js) != 1 {
				t.Fatalf("%d jobs, left %v", len(js), left)
			}
			if d := cmp.Diff(c.want, described(js[0])); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWhatIsLeftSaysWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, script, want string }{
		{"the launcher", "torchrun --nproc_per_node 8 --nnodes=1 $ARGS pretrain_gpt.py", "--nproc_per_node 8: how ranks are started"},
		{"the launcher's flags that are not known", "torchrun $ARGS pretrain_gpt.py", "$ARGS : the script does not set this variable"},
		{"dropout", "python pretrain_gpt.py --hidden-dropout 0.1", "--hidden-dropout 0.1: there is no dropout here"},
		{"no dropout", "python pretrain_gpt.py --hidden-dropout 0.0", "--hidden-dropout 0.0: no dropout, which is"},
		{"a flag given twice", "python pretrain_gpt.py --load a --load b", "--load a: given again at a.sh:1:33"},
		{"arguments of the script", "python pretrain_gpt.py --bf16 \"$@\"", "$@ : arguments that only a run"},
		{"an argument without a flag", "python pretrain_gpt.py x --bf16", "x : an argument without a flag before it"},
		{"the usual tokenizer", "python preprocess_data.py --tokenizer-type PretrainedFromHF", "--tokenizer-type PretrainedFromHF: the tokenizer is recognised"},
		{"preferences", "python posttrain_gpt.py --stage dpo", "posttrain_gpt.py : no stage trains by --stage dpo"},
		{"another program", "python train_ppo.py --load x", "python train_ppo.py --load x : no stage does this"},
		{"another script", "source env.sh", "source env.sh : another script is not read"},
		{"another system's command", "llamafactory-cli train a.yaml", "llamafactory-cli train a.yaml : the configuration it names"},
		{"a folder", "cd x", "cd x : it changes where relative paths begin"},
		{"no benchmark", "python evaluation.py --load x", "evaluation.py : no benchmark is named"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			js, left := jobs(t, c.script)
			for _, j := range js {
				left = append(left, j.Left...)
			}
			var got []string
			for _, l := range left {
				got = append(got, fmt.Sprintf("%s %s: %s", l.Name, l.Value, l.Why))
			}
			if !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("want %q in\n%s", c.want, strings.Join(got, "\n"))
			}
		})
	}
}

func TestAFlagHasOneReason(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, g := range reasons() {
		for _, name := range strings.Fields(g.names) {
			if old, twice := seen[name]; twice {
				t.Errorf("%s stands at %q and at %q", name, old, g.why)
			}
			seen[name] = g.why
		}
	}
}
