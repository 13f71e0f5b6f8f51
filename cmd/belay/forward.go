package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/stages/inference"
)

func newForward(a *app) *cobra.Command {
	var model, ids, out string
	var grad bool
	c := &cobra.Command{
		Use:   "forward --model DIR --ids FILE --out FILE",
		Short: "Write a batch's logits, loss and gradients, to compare with any implementation",
		Long: `Run a batch through a model and write a safetensors file with logits [B, S, V], loss [1] (mean
cross entropy of the next token) and, with --grad, grad.NAME for every tensor under its Hugging Face name.

--ids is a safetensors file with input_ids [B, S] and, for rows padded on the right, lengths [B]; or a JSON
list of lists of ids.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := readBatch(ids)
			if err != nil {
				return fault.Wrap(fault.Data, err)
			}
			loss, err := forward(c.Context(), model, b, out, grad)
			if err != nil {
				return fault.Wrap(fault.Data, err)
			}
			return a.print(map[string]any{"loss": loss, "out": out}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "loss %.7f, written to %s\n", loss, out)
				return err
			})
		},
	}
	f := c.Flags()
	f.StringVar(&model, "model", "", "checkpoint directory")
	f.StringVar(&ids, "ids", "", "file with the token ids")
	f.StringVar(&out, "out", "", "safetensors file to write")
	f.BoolVar(&grad, "grad", false, "gradients of the loss too")
	for _, name := range []string{"model", "ids", "out"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return c
}

// tokenBatch is rows of ids, padded on the right to width.
type tokenBatch struct {
	rows  [][]int32 // without padding
	width int
}

func readBatch(path string) (tokenBatch, error) {
	if filepath.Ext(path) == ".json" {
		var b tokenBatch
		data, err := os.ReadFile(path)
		if err != nil {
			return b, err
		}
		if err := json.Unmarshal(data, &b.rows); err != nil {
			return b, fmt.Errorf("read %s: want a list of lists of ids: %w", path, err)
		}
		for _, r := range b.rows {
			b.width = max(b.width, len(r))
		}
		return b, b.check(path)
	}
	src, err := safetensors.Open(path)
	if err != nil {
		return tokenBatch{}, err
	}
	defer src.Close()
	flat, shape, err := integers(src, "input_ids")
	if err != nil {
		return tokenBatch{}, fmt.Errorf("read %s: %w", path, err)
	}
	if len(shape) != 2 {
		return tokenBatch{}, fmt.Errorf("read %s: input_ids has the shape %v, want [B, S]", path, shape)
	}
	b := tokenBatch{width: shape[1]}
	var lengths []int32
	var lshape []int
	if slices.ContainsFunc(src.List(), func(i ckpt.Info) bool { return i.Name == "lengths" }) {
		if lengths, lshape, err = integers(src, "lengths"); err != nil {
			return b, fmt.Errorf("read %s: %w", path, err)
		}
	}
	if lengths != nil && (len(lshape) != 1 || lshape[0] != shape[0]) {
		return b, fmt.Errorf("read %s: lengths has the shape %v, want [%d]", path, lshape, shape[0])
	}
	for i := range shape[0] {
		n := shape[1]
		if lengths != nil {
			n = int(lengths[i])
		}
		if n < 0 || n > shape[1] {
			return b, fmt.Errorf("read %s: row %d has the length %d, its width is %d", path, i, n, shape[1])
		}
		b.rows = append(b.rows, flat[i*shape[1]:i*shape[1]+n])
	}
	return b, b.check(path)
}

func (b tokenBatch) check(path string) error {
	for i, r := range b.rows {
		if len(r) == 0 {
			return fmt.Errorf("read %s: row %d is empty", path, i)
		}
	}
	if len(b.rows) == 0 {
		return fmt.Errorf("read %s: no rows", path)
	}
	return nil
}

// integers reads a tensor of whole numbers.
func integers(src ckpt.Source, name string) ([]int32, []int, error) {
	for _, info := range src.List() {
		if info.Name != name {
			continue
		}
		data, err := src.Bytes(name)
		if err != nil {
			return nil, nil, err
		}
		out := make([]int32, info.Len())
		for i := range out {
			switch info.DType {
			case dtype.I64:
				v := int64(binary.LittleEndian.Uint64(data[8*i:]))
				if v != int64(int32(v)) {
					return nil, nil, fmt.Errorf("%s: element %d is %d", name, i, v)
				}
				out[i] = int32(v)
			case dtype.I32:
				out[i] = int32(binary.LittleEndian.Uint32(data[4*i:]))
			default:
				return nil, nil, fmt.Errorf("%s has the type %s, want I64 or I32", name, info.DType)
			}
		}
		return out, info.Shape, nil
	}
	return nil, nil, fmt.Errorf("no tensor %s", name)
}

// forward runs the batch and writes the result. Rows are sequences of their own; padding is not run.
func forward(ctx context.Context, model string, b tokenBatch, out string, grad bool) (float64, error) {
	be, end, err := inference.Device(runtime.GOMAXPROCS(0), os.Getenv(inference.TierVariable))
	if err != nil {
		return 0, err
	}
	defer end()
	m, meta, err := inference.Load(be, model)
	if err != nil {
		return 0, err
	}
	in := b.input()
	batch, err := m.NewBatch(decoder.Options{MaxTokens: len(in.IDs), Grad: grad})
	if err != nil {
		return 0, err
	}
	var loss decoder.Loss
	if grad {
		loss, err = batch.Step(in, 1)
	} else if err = batch.Forward(in); err == nil {
		loss = batch.Loss()
	}
	if err != nil {
		return 0, err
	}
	// Step has used the rows' logits up: a second pass gives them as they are.
	if grad {
		if err := batch.Forward(in); err != nil {
			return 0, err
		}
	}
	v := meta.Config.Vocab
	flat := make([]float32, len(in.IDs)*v)
	if err := batch.Logits(flat, nil); err != nil {
		return 0, err
	}
	logits := make([]float32, len(b.rows)*b.width*v)
	at := 0
	for i, r := range b.rows {
		at += copy(logits[i*b.width*v:], flat[at:at+len(r)*v])
	}
	mean := 0.0
	if loss.Count > 0 {
		mean = loss.Mean()
	}
	result := ckpt.NewMemory()
	put := func(name string, data []float32, shape ...int) {
		raw := make([]byte, 0, 4*len(data))
		for _, x := range data {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		result.Put(ckpt.Info{Name: name, DType: dtype.F32, Shape: shape}, raw)
	}
	put("logits", logits, len(b.rows), b.width, v)
	put("loss", []float32{float32(mean)}, 1)
	if grad {
		if err := gradients(ctx, m, meta, result); err != nil {
			return 0, err
		}
	}
	return mean, safetensors.Write(out, result, nil)
}

// input lays the rows out back to back; every id but a row's last predicts the next.
func (b tokenBatch) input() decoder.Input {
	in := decoder.Input{CuSeqlens: []int32{0}}
	for _, r := range b.rows {
		in.IDs = append(in.IDs, r...)
		in.Targets = append(in.Targets, r[1:]...)
		in.Targets = append(in.Targets, -1)
		in.CuSeqlens = append(in.CuSeqlens, int32(len(in.IDs)))
	}
	return in
}

// gradients adds the gradients under Hugging Face names: they pass through the same renaming as the
// weights would, on their way to a Hugging Face checkpoint.
func gradients(ctx context.Context, m *decoder.Model, meta convert.Meta, result *ckpt.Memory) error {
	canonical := ckpt.NewMemory()
	for _, p := range m.Params() {
		host := make([]float32, p.Len())
		m.Backend().Download(host, p.Grad)
		raw := make([]byte, 0, 4*len(host))
		for _, x := range host {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		canonical.Put(ckpt.Info{Name: p.Name, DType: dtype.F32, Shape: p.Shape}, raw)
	}
	dir, err := os.MkdirTemp("", "belay-forward-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	hf := filepath.Join(dir, "hf")
	if _, err := convert.Write(ctx, canonical, meta.Config, hf, convert.WriteOptions{To: convert.HF}); err != nil {
		return err
	}
	src, err := convert.OpenWeights(hf)
	if err != nil {
		return err
	}
	defer src.Close()
	for _, info := range src.List() {
		data, err := src.Bytes(info.Name)
		if err != nil {
			return err
		}
		info.Name = "grad." + info.Name
		result.Put(info, []byte(strings.Clone(string(data))))
	}
	return nil
}
