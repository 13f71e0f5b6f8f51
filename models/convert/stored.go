package convert

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/family"
)

// piece is one rank's share of a stored tensor.
type piece struct {
	ckpt.Info
	load func() ([]byte, error)
}

// stored is a checkpoint as its files have it: every tensor under its format's name, with layers
// counted over the whole model, and one piece for each tensor-parallel rank.
type stored struct {
	tp     int
	names  []string
	pieces map[string][]piece
	used   map[string]bool
	place  map[string]string // where the tensor is, for errors
}

func newStored(tp int) *stored {
	return &stored{tp: tp, pieces: map[string][]piece{}, used: map[string]bool{}, place: map[string]string{}}
}

// storedSource is a checkpoint without ranks.
func storedSource(src ckpt.Source, ignore []string) *stored {
	s := newStored(1)
	for _, i := range src.List() {
		if matches(ignore, i.Name) {
			continue
		}
		s.names = append(s.names, i.Name)
		s.pieces[i.Name] = []piece{{i, func() ([]byte, error) { return src.Bytes(i.Name) }}}
	}
	return s
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

// layerPrefixes are the texts before the layer number in a format's names.
func layerPrefixes(format *family.Format) []string {
	var out []string
	for _, r := range format.Rules {
		if before, _, ok := strings.Cut(r.Name, family.Layer); ok && !slices.Contains(out, before) {
			out = append(out, before)
		}
	}
	return out
}

// splitLayer takes the layer number out of a stored name.
func splitLayer(name string, prefixes []string) (before string, layer int, after string, ok bool) {
	for _, p := range prefixes {
		rest, found := strings.CutPrefix(name, p)
		if !found {
			continue
		}
		num, tail, found := strings.Cut(rest, ".")
		if !found {
			continue
		}
		if n, err := strconv.Atoi(num); err == nil && n >= 0 && strconv.Itoa(n) == num {
			return p, n, "." + tail, true
		}
	}
	return "", 0, "", false
}

// baseLayer marks the original weight of a module with an adapter.
const baseLayer = ".base_layer."

// storedMegatron numbers the layers of all chunks over the whole model and gathers each tensor's ranks.
func storedMegatron(c *megatron.Checkpoint, format *family.Format) (*stored, int, error) {
	s := newStored(c.TP)
	prefixes := layerPrefixes(format)
	offset := 0
	for v := range c.VPP {
		for p := range c.PP {
			count := 0
			var first *megatron.Chunk
			for t := range c.TP {
				where := fmt.Sprintf("%s chunk %d", megatron.RankFolder(megatron.Rank{TP: t, PP: p}, c.PP, c.EP), v)
				chunk, err := c.Chunk(megatron.Rank{TP: t, PP: p}, v)
				if err != nil {
					return nil, 0, err
				}
				if t == 0 {
					first = chunk
				}
				if len(chunk.Names) != len(first.Names) {
					return nil, 0, fmt.Errorf("read checkpoint %s: %s holds %d tensors, rank 0 of the same stage holds %d", c.Folder, where, len(chunk.Names), len(first.Names))
				}
				for _, local := range chunk.Names {
					name := strings.Replace(local, baseLayer, ".", 1)
					if before, n, after, ok := splitLayer(name, prefixes); ok {
						count = max(count, n+1)
						name = before + strconv.Itoa(offset+n) + after
					}
					tensor := chunk.Tensors[local]
					if t == 0 {
						if _, twice := s.pieces[name]; twice {
							return nil, 0, fmt.Errorf("read checkpoint %s: tensor %q is in %s and in %s", c.Folder, name, s.place[name], where)
						}
						s.names = append(s.names, name)
						s.place[name] = where
					}
					if len(s.pieces[name]) != t {
						return nil, 0, fmt.Errorf("read checkpoint %s: tensor %q of %s is not in rank 0 of the same stage", c.Folder, local, where)
					}
					s.pieces[name] = append(s.pieces[name], piece{tensor.Info(local), func() ([]byte, error) {
						b, err := tensor.Bytes()
						if err != nil {
							return nil, fmt.Errorf("read checkpoint %s: %s: tensor %q: %w", c.Folder, where, local, err)
						}
						return b, nil
					}})
				}
			}
			offset += count
		}
	}
	return s, offset, nil
}
