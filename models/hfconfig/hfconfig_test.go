package hfconfig

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/testdata/goldens"
)

// llama is a document with every field that must be there, plus the given ones.
func llama(more string) string {
	return `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":64,"intermediate_size":96,` +
		`"num_hidden_layers":2,"num_attention_heads":4,"vocab_size":100` + more + `}`
}

func parse(t *testing.T, text string) Config {
	t.Helper()
	c, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultsFollowTheClass(t *testing.T) {
	t.Parallel()
	got := parse(t, llama(``))
	want := Config{
		ModelType: "llama", Arch: "LlamaForCausalLM", NumLayers: 2, Hidden: 64, FFN: 96, NumHeads: 4, NumKVHeads: 4,
		HeadDim: 16, Vocab: 100, MaxPositions: 2048, NormEps: 1e-6, RopeBase: 10000, Activation: "silu", PAD: -1,
		Raw: got.Raw,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFieldsReadInEverySpelling(t *testing.T) {
	t.Parallel()
	mistral := strings.NewReplacer("LlamaForCausalLM", "MistralForCausalLM", `"llama"`, `"mistral"`)
	qwen2 := strings.NewReplacer("LlamaForCausalLM", "Qwen2ForCausalLM", `"llama"`, `"qwen2"`)
	for _, c := range []struct {
		name, text string
		ok         func(Config) bool
	}{
		{"null values are absent", llama(`,"num_key_value_heads":null,"head_dim":null,"rope_scaling":null,"pad_token_id":null,"rope_theta":null`), func(c Config) bool {
			return c.NumKVHeads == 4 && c.HeadDim == 16 && c.RopeScaling == nil && c.PAD == -1 && c.RopeBase == 10000
		}},
		{"eos may be a list", llama(`,"bos_token_id":1,"eos_token_id":[2,7],"pad_token_id":-1`), func(c Config) bool {
			return cmp.Equal(c.BOS, []int32{1}) && cmp.Equal(c.EOS, []int32{2, 7}) && c.PAD == -1
		}},
		{"attention_bias covers q, k, v and o", llama(`,"attention_bias":true,"mlp_bias":true`), func(c Config) bool {
			return c.QKVBias && c.OutBias && c.MLPBias
		}},
		{"head_dim is free of the hidden size", llama(`,"head_dim":24,"num_key_value_heads":2`), func(c Config) bool {
			return c.HeadDim == 24 && c.NumKVHeads == 2
		}},
		{"whole numbers may be written as floats", llama(`,"max_position_embeddings":4096.0,"rope_theta":1e6`), func(c Config) bool {
			return c.MaxPositions == 4096 && c.RopeBase == 1e6
		}},
		{"rope scaling under its old key", llama(`,"rope_scaling":{"type":"linear","factor":4}`), func(c Config) bool {
			return c.RopeScaling.Kind == "linear" && c.RopeScaling.Factor == 4
		}},
		{"rope scaling under its new key", llama(`,"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8192}`), func(c Config) bool {
			return c.RopeScaling.Kind == "llama3" && c.RopeScaling.OriginalMaxPos == 8192
		}},
		{"rope_parameters hold base and scaling", llama(`,"rope_parameters":{"rope_theta":500000.0,"rope_type":"yarn","factor":8}`), func(c Config) bool {
			return c.RopeBase == 500000 && c.RopeScaling.Kind == "yarn"
		}},
		{"the default rope type is no scaling", llama(`,"rope_parameters":{"rope_theta":5e5,"rope_type":"default"}`), func(c Config) bool {
			return c.RopeBase == 5e5 && c.RopeScaling == nil
		}},
		{"mistral without a window", mistral.Replace(llama(`,"num_key_value_heads":2,"sliding_window":null`)), func(c Config) bool { return c.SlidingWindow == 0 }},
		{"mistral with a window", mistral.Replace(llama(`,"num_key_value_heads":2,"sliding_window":4096`)), func(c Config) bool {
			return c.SlidingWindow == 4096 && c.Window(1) == 4096
		}},
		{"qwen2 has q, k and v biases and an inert window", qwen2.Replace(llama(`,"num_key_value_heads":2,"sliding_window":4096,"use_sliding_window":false`)), func(c Config) bool {
			return c.QKVBias && !c.OutBias && c.SlidingWindow == 0
		}},
		{"qwen2 windows begin at max_window_layers", qwen2.Replace(llama(`,"num_key_value_heads":2,"sliding_window":64,"use_sliding_window":true,"max_window_layers":1`)), func(c Config) bool {
			return c.Window(0) == 0 && c.Window(1) == 64
		}},
		{"layer_types say which layers have a window", qwen2.Replace(llama(`,"num_key_value_heads":2,"sliding_window":64,"use_sliding_window":true,"layer_types":["sliding_attention","full_attention"]`)), func(c Config) bool {
			return c.Window(0) == 64 && c.Window(1) == 0
		}},
		{"model_type stands in for architectures", strings.Replace(llama(``), `"architectures":["LlamaForCausalLM"],`, ``, 1), func(c Config) bool { return c.Arch == "LlamaForCausalLM" }},
		{"dtype is the new torch_dtype", llama(`,"dtype":"bfloat16"`), func(c Config) bool { return c.DType == "bfloat16" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := parse(t, c.text); !c.ok(got) {
				t.Errorf("read as %+v", got)
			}
		})
	}
}

func TestEveryClassReadsItsOwnKeys(t *testing.T) {
	t.Parallel()
	const sizes = `"hidden_size":32,"intermediate_size":48,"num_hidden_layers":6,"num_attention_heads":4,"vocab_size":99`
	of := func(arch, more string) string { return `{"architectures":["` + arch + `"],` + more + `}` }
	for _, c := range []struct {
		name, text string
		ok         func(Config) bool
	}{
		{"baichuan 7b has rotary positions", of("BaiChuanForCausalLM", sizes+`,"max_position_embeddings":4096`), func(c Config) bool { return c.Plain() == nil && c.MaxPositions == 4096 }},
		{"baichuan 13b has ALiBi", of("BaichuanForCausalLM", sizes+`,"model_max_length":2048`), func(c Config) bool {
			return c.Positions == "alibi" && c.MaxPositions == 2048 && !c.NormHead && c.Plain() != nil
		}},
		{"baichuan 2 normalises its head", of("BaichuanForCausalLM", strings.Replace(sizes, "99", "125696", 1)), func(c Config) bool { return c.NormHead }},
		{"chatglm multiplies the rotary base", of("ChatGLMModel", `"hidden_size":32,"ffn_hidden_size":48,"num_layers":2,"num_attention_heads":4,"padded_vocab_size":99,"multi_query_group_num":2,"kv_channels":8,"seq_length":77,"add_qkv_bias":true,"rope_ratio":500,"layernorm_epsilon":1e-5`), func(c Config) bool {
			return c.RopeBase == 5e6 && c.NumKVHeads == 2 && c.MaxPositions == 77 && c.QKVBias && !c.OutBias && c.RotaryPart == 0.5 && c.RopeInterleaved
		}},
		{"qwen counts gate and up together", of("QWenLMHeadModel", sizes+`,"rotary_emb_base":1000000`), func(c Config) bool { return c.FFN == 24 && c.RopeBase == 1e6 && c.QKVBias && !c.OutBias }},
		{"bloom under its older keys", of("BloomForCausalLM", `"n_embed":32,"num_attention_heads":4,"n_layer":2,"vocab_size":99`), func(c Config) bool {
			return c.Hidden == 32 && c.FFN == 128 && c.NumHeads == 4 && c.TieEmbeddings && c.MLPBias && c.LayerNorm && c.EmbedNorm && c.Ungated
		}},
		{"gemma takes hidden_activation and head_dim 256", of("GemmaForCausalLM", sizes+`,"hidden_act":"gelu","hidden_activation":null`), func(c Config) bool {
			return c.HeadDim == 256 && c.Activation == "gelu_tanh" && c.TieEmbeddings && c.NormOffset
		}},
		{"gemma 2 has windows in even layers", of("Gemma2ForCausalLM", sizes+`,"sliding_window":8,"head_dim":8`), func(c Config) bool {
			return c.Window(0) == 8 && c.Window(1) == 0 && c.PostNorms && c.AttnSoftcap == 50 && c.LogitSoftcap == 30
		}},
		{"gemma 3 has windows but in every sixth layer", of("Gemma3ForCausalLM", sizes+`,"sliding_window":8,"rope_parameters":{"full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":1e6},"sliding_attention":{"rope_type":"default","rope_theta":2e4}}`), func(c Config) bool {
			return c.LocalRopeBase == 2e4 && c.Window(4) == 8 && c.Window(5) == 0 && c.RopeBase == 1e6 && c.RopeScaling.Factor == 8 && c.QKNorm
		}},
		{"glm turns half of a head", of("GlmForCausalLM", sizes+`,"attention_bias":true`), func(c Config) bool { return c.RotaryPart == 0.5 && c.QKVBias && !c.OutBias && c.HeadDim == 128 }},
		{"minicpm scales its branches", of("MiniCPMForCausalLM", sizes+`,"scale_depth":1.2,"scale_emb":12,"dim_model_base":16`), func(c Config) bool {
			return c.BranchScale == 1.2/math.Sqrt(6) && c.EmbedScale == 12 && c.LogitScale == 0.5 && c.MoE.Experts == 0
		}},
		{"deepseek's first layers are dense", of("DeepseekV3ForCausalLM", sizes+`,"model_type":"deepseek_v3","q_lora_rank":null,"n_routed_experts":8,"num_experts_per_tok":2,"moe_intermediate_size":6,"n_shared_experts":2,"first_k_dense_replace":2,"moe_layer_freq":2`), func(c Config) bool {
			return c.MLA.QLoRA == 0 && c.HeadDim == 192 && c.SharedFFN() == 12 && c.MoE.RouterBias && !c.ExpertLayer(1) && c.ExpertLayer(2) && !c.ExpertLayer(3) && c.ExpertLayer(4)
		}},
		{"mixtral's experts are as wide as its MLP", of("MixtralForCausalLM", sizes+`,"num_key_value_heads":2`), func(c Config) bool { return c.MoE == MoE{Experts: 8, TopK: 2, FFN: 48, NormTopK: true} }},
		{"megatron's own flags", of("GPTModel", `"hidden_size":32,"num_layers":2,"num_attention_heads":4,"vocab_size":99,"position_embedding_type":"rope","add_bias_linear":true,"untie_embeddings_and_output_weights":true,"normalization":"RMSNorm","swiglu":true`), func(c Config) bool {
			return c.FFN == 128 && c.QKVBias && c.OutBias && c.MLPBias && !c.TieEmbeddings && !c.LayerNorm && !c.Ungated && c.Positions == ""
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := parse(t, c.text); !c.ok(got) {
				t.Errorf("read as %+v", got)
			}
		})
	}
}

func TestErrorsNameTheField(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"a missing size", `{"architectures":["LlamaForCausalLM"],"hidden_size":64}`, "num_hidden_layers is missing"},
		{"every missing size", `{"architectures":["LlamaForCausalLM"],"hidden_size":64}`, "vocab_size is missing"},
		{"text for a number", llama(`,"rms_norm_eps":"small"`), `rms_norm_eps: want a number, have "small"`},
		{"a fraction", llama(`,"head_dim":8.5`), "head_dim: want a whole number, have 8.5"},
		{"heads that do not divide", llama(`,"num_key_value_heads":3`), "num_key_value_heads: 3 does not divide"},
		{"a negative size", llama(`,"head_dim":-8`), "head_dim: want a whole number from 1"},
		{"heads that do not divide the hidden size", strings.Replace(llama(``), `"num_attention_heads":4`, `"num_attention_heads":5`, 1), "hidden_size: 64 is not a multiple of num_attention_heads 5, and there is no head_dim"},
		{"an odd width that counts two branches", `{"architectures":["QWenLMHeadModel"],"hidden_size":8,"intermediate_size":7,"num_hidden_layers":1,"num_attention_heads":2,"vocab_size":9}`, "intermediate_size: want an even number"},
		{"more experts a token than there are", `{"architectures":["MixtralForCausalLM"],"hidden_size":8,"intermediate_size":7,"num_hidden_layers":1,"num_attention_heads":8,"vocab_size":9,"num_local_experts":1}`, "num_experts_per_tok: want a whole number from 1 to the 1 experts, have 2"},
		{"latent attention without a rank", `{"architectures":["DeepseekV2ForCausalLM"],"hidden_size":8,"intermediate_size":7,"num_hidden_layers":1,"num_attention_heads":2,"vocab_size":9,"kv_lora_rank":0}`, "kv_lora_rank: want a positive whole number"},
		{"dense layers between those with experts", `{"architectures":["Qwen3MoeForCausalLM"],"hidden_size":8,"intermediate_size":7,"num_hidden_layers":1,"num_attention_heads":4,"vocab_size":9,"mlp_only_layers":[0]}`, "belay expects experts in every layer"},
		{"positions of an unknown kind", `{"architectures":["GPTModel"],"hidden_size":8,"num_layers":1,"num_attention_heads":4,"vocab_size":9,"position_embedding_type":"relative"}`, "position_embedding_type: want learned_absolute, rope or alibi"},
		{"an activation", llama(`,"hidden_act":"relu"`), "hidden_act: want silu, gelu or gelu_pytorch_tanh"},
		{"a flag", llama(`,"tie_word_embeddings":1`), "tie_word_embeddings: want true or false, have 1"},
		{"an unknown scaling", llama(`,"rope_scaling":{"type":"longrope"}`), "rope_scaling.rope_type: want default, linear"},
		{"a scaling without factor", llama(`,"rope_scaling":{"type":"linear"}`), "rope_scaling.factor: want"},
		{"partial rotary embedding", llama(`,"partial_rotary_factor":0.5`), "partial_rotary_factor"},
		{"too many layers", strings.Replace(llama(``), `"num_hidden_layers":2`, `"num_hidden_layers":1000000`, 1), "num_hidden_layers: 1000000 is more than"},
		{"text after the document", llama(``) + "x", "after the document"},
		{"half a document", `{"hidden_size":`, "parse config: byte"},
		{"a list", `[]`, "cannot unmarshal array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestUnknownArchitectureSaysWhatIsSupported(t *testing.T) {
	t.Parallel()
	_, err := Parse([]byte(`{"architectures":["XlnetForCausalLM"],"model_type":"xlnet"}`))
	var unknown *UnsupportedError
	if !errors.As(err, &unknown) {
		t.Fatalf("error %v", err)
	}
	for _, word := range []string{"XlnetForCausalLM", `"xlnet"`, "LlamaForCausalLM", "Qwen2ForCausalLM"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("no word of %s in: %v", word, err)
		}
	}
}

func TestInvFreqFollowsTheScaling(t *testing.T) {
	t.Parallel()
	c := parse(t, llama(`,"rope_theta":500000`))
	plain, scale, err := InvFreq(c)
	if err != nil || scale != 1 || len(plain) != 8 || plain[0] != 1 || math.Abs(plain[4]-math.Pow(500000, -0.5)) > 1e-18 {
		t.Fatalf("default: %v %v %v", plain, scale, err)
	}
	c.RopeScaling = &RopeScaling{Kind: "linear", Factor: 4}
	if linear, _, err := InvFreq(c); err != nil || linear[3] != plain[3]/4 {
		t.Errorf("linear: %v %v", linear, err)
	}
	c.RopeScaling = &RopeScaling{Kind: "llama3", Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPos: 64}
	llama3, _, err := InvFreq(c)
	if err != nil || llama3[0] != plain[0] || llama3[7] != plain[7]/8 || !(llama3[1] < plain[1] && llama3[1] > plain[1]/8) {
		t.Errorf("llama3: %v of %v, %v", llama3, plain, err)
	}
	for _, kind := range []string{"dynamic", "yarn"} {
		c.RopeScaling = &RopeScaling{Kind: kind, Factor: 2}
		if _, _, err := InvFreq(c); err == nil || !strings.Contains(err.Error(), kind) {
			t.Errorf("%s: error %v", kind, err)
		}
	}
}

func TestJSONKeepsWhatBelayDoesNotKnow(t *testing.T) {
	t.Parallel()
	c := parse(t, llama(`,"rms_norm_eps":1e-06,"initializer_range":0.020,"custom":{"a":[1,null]},"eos_token_id":[2,7]`))
	c.Vocab = 128
	c.EOS = []int32{5}
	c.RopeScaling = &RopeScaling{Kind: "linear", Factor: 2}
	out, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"rms_norm_eps": 1e-06`, `"initializer_range": 0.020`, `"custom": {`, `"vocab_size": 128`, `"eos_token_id": 5`, `"rope_type": "linear"`} {
		if !strings.Contains(string(out), part) {
			t.Errorf("no %s in\n%s", part, out)
		}
	}
	if strings.Contains(string(out), "num_key_value_heads") {
		t.Errorf("a default was written:\n%s", out)
	}
	if c.Raw["vocab_size"] != json.Number("100") {
		t.Errorf("Raw changed: %v", c.Raw["vocab_size"])
	}
}

func TestJSONWithoutRawMakesADocument(t *testing.T) {
	t.Parallel()
	for _, cl := range classes() {
		c := Config{
			ModelType: cl.modelType, Arch: cl.archs[0], NumLayers: 3, Hidden: 32, FFN: 48, NumHeads: 4, NumKVHeads: 2, HeadDim: 16,
			Vocab: 99, MaxPositions: 512, NormEps: 1e-5, RopeBase: 1e6, Activation: "gelu_tanh", QKVBias: cl.qkvBias || cl.bias != "",
			OutBias: cl.bias != "", TieEmbeddings: true, DType: "bfloat16", BOS: []int32{1}, EOS: []int32{2, 3}, PAD: -1,
		}
		if cl.window == windowAlways || cl.window == windowSwitch {
			c.SlidingWindow = 64
		}
		if cl.block != "" || cl.finish != nil { // whose zero values a document cannot say
			var err error
			if c, err = c.Completed(); err != nil {
				t.Errorf("%s: %v", cl.archs[0], err)
				continue
			}
			c.Raw = nil
			c.NumLayers, c.TieEmbeddings, c.Vocab = 5, !c.TieEmbeddings, 77
			if c.LayerWindows != nil {
				c.LayerWindows = []int{0, 9, 9, 0, 9}
			}
		}
		out, err := c.JSON()
		if err != nil {
			t.Errorf("%s: %v", c.Arch, err)
			continue
		}
		back := parse(t, string(out))
		back.Raw = nil
		if d := cmp.Diff(c, back); d != "" {
			t.Errorf("%s: %s", c.Arch, d)
		}
	}
}

func TestJSONRefusesWhatTheClassCannotSay(t *testing.T) {
	t.Parallel()
	c := parse(t, llama(``))
	c.SlidingWindow = 8
	if _, err := c.JSON(); err == nil || !strings.Contains(err.Error(), "SlidingWindow") {
		t.Errorf("error %v", err)
	}
}

func TestGoldenConfigsWriteBackUnchanged(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(goldens.Dir(t, "models"), "*", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			t.Parallel()
			c, err := Load(filepath.Dir(path))
			var unknown *UnsupportedError
			if errors.As(err, &unknown) && goldens.Pending() {
				t.Skipf("pending: %v", err) // architectures that are not built yet
			}
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.JSON()
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var was, is any
			if err := errors.Join(json.Unmarshal(data, &was), json.Unmarshal(out, &is)); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(was, is); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(llama(`,"rope_scaling":{"type":"linear","factor":4}`)))
	f.Add([]byte(llama(`,"num_key_value_heads":2,"eos_token_id":[1,2]`)))
	f.Add([]byte(strings.Replace(llama(`,"sliding_window":4,"use_sliding_window":true,"max_window_layers":1,"num_key_value_heads":1`), "Llama", "Qwen2", 1)))
	for _, cl := range classes() { // a document of each
		c := Config{ModelType: cl.modelType, Arch: cl.archs[0], NumLayers: 3, Hidden: 32, FFN: 48, NumHeads: 4, NumKVHeads: 4, HeadDim: 8, Vocab: 99, MaxPositions: 9, NormEps: 1e-5, RopeBase: 1e4, Activation: "silu", PAD: -1}
		c, err := c.Completed()
		if err != nil {
			f.Fatal(err)
		}
		text, err := c.JSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"architectures":["X"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		if err := c.Check(); err != nil {
			t.Fatalf("parsed, but %v", err)
		}
		_, _, _ = InvFreq(c)
		out, err := c.JSON()
		if err != nil {
			t.Fatalf("parsed, but does not write: %v", err)
		}
		back, err := Parse(out)
		if err != nil {
			t.Fatalf("written, but does not parse: %v", err)
		}
		if name := difference(c, back); name != "" {
			t.Fatalf("%s changed", name)
		}
	})
}
