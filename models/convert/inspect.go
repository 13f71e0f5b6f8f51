package convert

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/gguf"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/ckpt/torchpt"
	"github.com/belay-ml/belay/models/hfconfig"
)

// Inspection is what a checkpoint file or directory is.
type Inspection struct {
	Path       string            `json:"path"`
	Kind       string            `json:"kind"` // "safetensors", "torch", "hf", "legacy", "mcore"
	Family     string            `json:"family,omitempty"`
	Config     *hfconfig.Config  `json:"-"`
	Iteration  string            `json:"iteration,omitempty"`
	Layout     *Layout           `json:"layout,omitempty"`
	LoRA       *LoRA             `json:"lora,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Args       map[string]any    `json:"args,omitempty"`
	Files      []FileSize        `json:"files"`
	Bytes      int64             `json:"bytes"`      // of the files
	Parameters int64             `json:"parameters"` // elements of all tensors, every rank counted
	Tensors    []TensorInfo      `json:"tensors"`
	Leftovers  []string          `json:"leftovers,omitempty"`
	Notes      []string          `json:"notes,omitempty"`

	ctx context.Context // of the inspection
	opt InspectOptions
}

// FileSize is a file and its length.
type FileSize struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// TensorInfo is a stored tensor; Where is the rank and chunk of a Megatron checkpoint.
type TensorInfo struct {
	Name   string `json:"name"`
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	Where  string `json:"where,omitempty"`
	Stored string `json:"stored,omitempty"` // the type in the file, where it is read as another
	Stats  *Stats `json:"stats,omitempty"`  // when asked for
}

// InspectOptions say how far an inspection goes.
type InspectOptions struct {
	Stats bool   // work out the numbers of every tensor that is shown; all of them are read
	Match string // show only tensors whose names match this pattern (path.Match), or hold it; all when empty
}

// Inspect says what a checkpoint file or directory is.
func Inspect(ctx context.Context, path string, opt InspectOptions) (Inspection, error) {
	st, err := os.Stat(path)
	if err != nil {
		return Inspection{}, fmt.Errorf("inspect: %w", err)
	}
	in := Inspection{Path: path, ctx: ctx, opt: opt}
	switch {
	case !st.IsDir():
		err = in.file()
	case megatron.Is(path):
		err = in.megatron()
	case isPEFT(path):
		err = in.peft()
	default:
		err = in.hf()
	}
	if err != nil {
		return Inspection{}, fmt.Errorf("inspect %s: %w", path, err)
	}
	slices.SortFunc(in.Files, func(a, b FileSize) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range in.Files {
		in.Bytes += f.Bytes
	}
	return in, nil
}

// OpenFile opens a single weights file, safetensors, PyTorch or GGUF by what it begins with.
func OpenFile(path string) (ckpt.Source, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	head := make([]byte, 9)
	n, err := io.ReadFull(f, head)
	f.Close()
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	switch {
	case n == 9 && head[8] == '{' && binary.LittleEndian.Uint64(head) < 1<<32:
		src, err := safetensors.Open(path)
		return src, "safetensors", err
	case n > 4 && string(head[:4]) == gguf.Magic:
		src, err := gguf.Open(path)
		return src, "gguf", err
	case n > 4 && (string(head[:4]) == "PK\x03\x04" || head[0] == 0x80):
		src, err := torchpt.Open(path)
		return src, "torch", err
	}
	return nil, "", fmt.Errorf("%s is no safetensors, PyTorch or GGUF file", path)
}

func (in *Inspection) file() error {
	src, kind, err := OpenFile(in.Path)
	if err != nil {
		return err
	}
	defer src.Close()
	in.Kind = kind
	if f, ok := src.(*safetensors.File); ok {
		in.Metadata = f.Metadata()
	}
	if err := in.list(src.List(), "", src.Bytes); err != nil {
		return err
	}
	if f, ok := src.(*gguf.File); ok {
		in.Metadata = map[string]string{}
		for _, name := range f.Names() {
			v, _ := f.Value(name)
			if text := fmt.Sprint(v); len(text) <= maxMetadata {
				in.Metadata[name] = text
			}
		}
		for k := range in.Tensors {
			if t := &in.Tensors[k]; f.Stored(t.Name) != t.DType {
				t.Stored = f.Stored(t.Name)
			}
		}
	}
	return in.addFile(in.Path)
}

// maxMetadata is the length of the values that are shown: templates and the like are left out.
const maxMetadata = 200

func (in *Inspection) peft() error {
	conf, err := readPEFTConfig(in.Path)
	if err != nil {
		return err
	}
	src, err := openPEFTWeights(in.Path)
	if err != nil {
		return err
	}
	defer src.Close()
	in.Kind, in.LoRA = "peft", &LoRA{R: conf.R, Alpha: conf.Alpha}
	if list, ok := conf.Targets.([]any); ok {
		for _, t := range list {
			in.LoRA.Targets = append(in.LoRA.Targets, fmt.Sprint(t))
		}
	}
	if conf.Base != "" {
		in.Notes = append(in.Notes, "the base model is "+conf.Base)
	}
	for _, name := range []string{peftWeights, peftPickle, peftConfigName} {
		if err := in.addFile(filepath.Join(in.Path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return in.list(src.List(), "", src.Bytes)
}

func (in *Inspection) addFile(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	in.Files = append(in.Files, FileSize{path, st.Size()})
	return nil
}

// matching are the tensors whose names match a pattern (path.Match), or hold it; all when it is empty.
func matching(infos []ckpt.Info, pattern string) ([]ckpt.Info, error) {
	if pattern == "" {
		return infos, nil
	}
	var out []ckpt.Info
	for _, i := range infos {
		m, err := path.Match(pattern, i.Name)
		switch {
		case m || strings.Contains(i.Name, pattern):
			out = append(out, i)
		case err != nil:
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	return out, nil
}

// eachChunk goes through the chunks of all ranks; where is what a person calls one.
func eachChunk(c *megatron.Checkpoint, f func(where string, chunk *megatron.Chunk) error) error {
	for p := range c.PP {
		for t := range c.TP {
			for e := range c.EP {
				r := megatron.Rank{TP: t, PP: p, EP: e}
				for v := range c.VPP {
					chunk, err := c.Chunk(r, v)
					if err != nil {
						return err
					}
					where := megatron.RankFolder(r, c.PP, c.EP)
					if c.VPP > 1 {
						where += fmt.Sprintf(" model%d", v)
					}
					if err := f(where, chunk); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// list adds stored tensors; read gives their elements.
func (in *Inspection) list(infos []ckpt.Info, where string, read func(name string) ([]byte, error)) error {
	for _, i := range infos {
		in.Parameters += int64(i.Len())
	}
	infos, err := matching(infos, in.opt.Match)
	if err != nil {
		return err
	}
	for _, i := range infos {
		t := TensorInfo{Name: i.Name, DType: i.DType.String(), Shape: i.Shape, Where: where}
		if t.Shape == nil {
			t.Shape = []int{}
		}
		if in.opt.Stats {
			s, err := statsOf(in.ctx, i, read)
			if err != nil {
				return fmt.Errorf("tensor %s: %w", i.Name, err)
			}
			t.Stats = &s
		}
		in.Tensors = append(in.Tensors, t)
	}
	return nil
}

func (in *Inspection) hf() error {
	src, err := OpenWeights(in.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no weights that belay knows (safetensors, pytorch_model.bin, %s): %w", megatron.TrackerName, err)
	}
	if err != nil {
		return err
	}
	defer src.Close()
	in.Kind = string(HF)
	if err := in.list(src.List(), "", src.Bytes); err != nil {
		return err
	}
	for _, pattern := range []string{"*.safetensors", "pytorch_model*.bin", "*.json", "*.model", "*.txt", "*.tiktoken"} {
		names, _ := filepath.Glob(filepath.Join(in.Path, pattern))
		for _, name := range names {
			if err := in.addFile(name); err != nil {
				return err
			}
		}
	}
	model, meta, err := OpenCanonical(in.Path, OpenOptions{})
	if err != nil { // the weights are readable all the same
		in.Notes = append(in.Notes, err.Error())
		return nil
	}
	model.Close()
	in.meta(meta)
	return nil
}

func (in *Inspection) meta(meta Meta) {
	in.Family, in.Config, in.LoRA, in.Leftovers = meta.Config.Family, &meta.Config, meta.LoRA, meta.Leftovers
	in.Notes = append(in.Notes, meta.Notes...)
	if meta.Format != HF {
		in.Layout = &meta.Layout
	}
}

func (in *Inspection) megatron() error {
	c, err := megatron.Open(in.Path)
	if err != nil {
		return err
	}
	defer c.Close()
	in.Kind = string(Mcore)
	if c.Legacy {
		in.Kind = string(Legacy)
	}
	in.Iteration = "release"
	if c.Iteration != megatron.Release {
		in.Iteration = fmt.Sprint(c.Iteration)
	}
	in.Args = plainArgs(c.Args)
	in.Layout = &Layout{TP: c.TP, PP: c.PP, EP: c.EP}
	err = eachChunk(c, func(where string, chunk *megatron.Chunk) error {
		var infos []ckpt.Info
		for _, name := range chunk.Names {
			infos = append(infos, chunk.Tensors[name].Info(name))
		}
		return in.list(infos, where, func(name string) ([]byte, error) { return chunk.Tensors[name].Bytes() })
	})
	if err != nil {
		return err
	}
	files, err := c.Files()
	if err != nil {
		return err
	}
	for path, size := range files {
		in.Files = append(in.Files, FileSize{path, size})
	}
	model, meta, err := OpenCanonical(in.Path, OpenOptions{})
	if err != nil {
		in.Notes = append(in.Notes, err.Error())
		return nil
	}
	model.Close()
	in.meta(meta)
	return nil
}
