package convert

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
)

// BenchmarkLarge converts a sparse model of 60 GB (llama-like, hidden 6656, ffn 17920, 60 layers, vocabulary 32000, bf16)
// whose result is thrown away, and tells the peak of anonymous memory, for two numbers of layers: it is the largest
// tensors that take memory, not the model.
//
//	go test ./models/convert -run XXX -bench Large -benchtime 1x
func BenchmarkLarge(b *testing.B) {
	for _, layers := range []int{15, 60} {
		for _, to := range []Layout{{TP: 2, PP: 2, EP: 1}, {TP: 1, PP: 1, EP: 1}} {
			b.Run(fmt.Sprintf("layers=%d/tp=%d", layers, to.TP), func(b *testing.B) { convertLarge(b, layers, to) })
		}
	}
}

func convertLarge(b *testing.B, layers int, to Layout) {
	const hidden, ffn, vocab, heads = 6656, 17920, 32000, 52
	text, err := json.Marshal(map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "num_hidden_layers": layers, "hidden_size": hidden, "intermediate_size": ffn,
		"num_attention_heads": heads, "num_key_value_heads": heads, "vocab_size": vocab, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "torch_dtype": "bfloat16",
	})
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644); err != nil {
		b.Fatal(err)
	}
	shapes := map[string][]int{"model.embed_tokens.weight": {vocab, hidden}, "model.norm.weight": {hidden}, "lm_head.weight": {vocab, hidden}}
	for l := range layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		for _, name := range []string{"q", "k", "v", "o"} {
			shapes[p+"self_attn."+name+"_proj.weight"] = []int{hidden, hidden}
		}
		shapes[p+"mlp.gate_proj.weight"], shapes[p+"mlp.up_proj.weight"], shapes[p+"mlp.down_proj.weight"] = []int{ffn, hidden}, []int{ffn, hidden}, []int{hidden, ffn}
		shapes[p+"input_layernorm.weight"], shapes[p+"post_attention_layernorm.weight"] = []int{hidden}, []int{hidden}
	}
	head, total := map[string]any{}, int64(0)
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		n := ckpt.Info{DType: dtype.BF16, Shape: shapes[name]}.Size()
		head[name] = map[string]any{"dtype": "BF16", "shape": shapes[name], "data_offsets": []int64{total, total + n}}
		total += n
	}
	if text, err = json.Marshal(head); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(dir, safetensors.SingleName)
	text = append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	if err := errors.Join(os.WriteFile(path, text, 0o644), os.Truncate(path, int64(len(text))+total)); err != nil {
		b.Fatal(err)
	}
	peak, stop := watchMemory()
	b.ResetTimer()
	for b.Loop() {
		src, meta, err := OpenCanonical(dir, OpenOptions{})
		if err != nil {
			b.Fatal(err)
		}
		src = withVocab(src, meta.fam, paddedVocab(vocab, 128, to.TP))
		m := &mapper{planner: newPlanner(src, newModel(meta.fam, meta.Config, false), to.TP), layout: to, chunks: map[place][]megatron.Slot{}}
		if err := m.plan(meta.fam.Mcore); err != nil {
			b.Fatal(err)
		}
		err = run(context.Background(), src, Env{HeadDim: meta.Config.HeadDim}, to.TP, m.jobs, WriteOptions{Workers: 2}, func(int, output, []byte) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		src.Close()
	}
	stop()
	b.ReportMetric(float64(total)/1e9, "GB")
	b.ReportMetric(float64(*peak)/1e6, "peak-MB")
}

// watchMemory follows the process's anonymous memory until stop, by which time peak is known.
func watchMemory() (peak *int64, stop func()) {
	peak = new(int64)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			if text, err := os.ReadFile("/proc/self/status"); err == nil {
				for line := range strings.Lines(string(text)) {
					if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
						n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
						*peak = max(*peak, n<<10)
					}
				}
			}
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return peak, func() { close(end); <-done }
}
