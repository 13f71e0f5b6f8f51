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
	"github.com/belay-ml/belay/models/hfconfig"
)

// piece is one rank's share of a stored tensor.
type piece struct {
	ckpt.Info
	load func() ([]byte, error)
}

// stored is a checkpoint as its files have it: every tensor under its format's name, with layers
// counted over the whole model, and one piece for each tensor-parallel rank.
type stored struct {
	tp, ep  int
	names   []string
	pieces  map[string][]piece
	twins   map[string][]piece    // copies on further expert-parallel ranks, of tensor-parallel rank 0
	copies  map[string][]rankCopy // all copies on those ranks
	used    map[string]bool
	place   map[string]string // where the tensor is, for errors
	grouped bool              // a tensor holds all experts of a rank
}

func newStored(tp, ep int) *stored {
	return &stored{tp: tp, ep: ep, pieces: map[string][]piece{}, twins: map[string][]piece{}, copies: map[string][]rankCopy{}, used: map[string]bool{}, place: map[string]string{}}
}

// storedSource is a checkpoint without ranks. A prefix that none of its names have is added to those that
// some rule knows with it.
func storedSource(src ckpt.Source, format *family.Format) *stored {
	s := newStored(1, 1)
	prefix := format.Prefix
	if slices.ContainsFunc(src.List(), func(i ckpt.Info) bool { return strings.HasPrefix(i.Name, prefix) }) {
		prefix = ""
	}
	bare := func(name string) bool { // known without it: the head
		return slices.ContainsFunc(format.Rules, func(r family.Rule) bool { return r.Name == name })
	}
	spell := namesOf(format)
	for _, i := range src.List() {
		if matches(format.Ignore, i.Name) {
			continue
		}
		name := i.Name
		if _, _, after, ok := spell.split(name); ok && slices.Contains(spell.gathers, after) {
			s.grouped = true
		}
		if !bare(name) {
			name = prefix + name
		}
		s.names = append(s.names, name)
		s.pieces[name] = []piece{{i, func() ([]byte, error) { return src.Bytes(i.Name) }}}
	}
	return s
}

// placed adds the file or the rank that holds the tensor which an error is about, when it names one first.
func (s *stored) placed(err error, where func(name string) string) error {
	text, ok := strings.CutPrefix(err.Error(), "tensor ")
	if name, _, found := strings.Cut(text, ": "); ok && found && s.pieces[name] != nil {
		return fmt.Errorf("%s: %w", where(name), err)
	}
	return err
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

// names are the parts of a format's names around the numbers in them.
type names struct {
	layers  []string // texts before the layer
	experts []string // texts between layer and expert
	gathers []string // texts after the layer of tensors that hold all experts of a rank
	also    map[string]string
}

func namesOf(format *family.Format) names {
	n := names{also: format.Also}
	add := func(list *[]string, text string) {
		if !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	for _, r := range format.Rules {
		before, after, ok := strings.Cut(r.Name, family.Layer)
		if !ok {
			continue
		}
		add(&n.layers, before)
		if mid, _, ok := strings.Cut(after, family.Expert); ok {
			add(&n.experts, mid)
		}
		if r.Experts != "" {
			add(&n.gathers, after)
		}
	}
	return n
}

// leadingNumber takes a whole number off the front of a text that goes on with a dot.
func leadingNumber(text string) (n int, rest string, ok bool) {
	num, tail, found := strings.Cut(text, ".")
	if !found {
		return 0, "", false
	}
	n, err := strconv.Atoi(num)
	if err != nil || n < 0 || strconv.Itoa(n) != num {
		return 0, "", false
	}
	return n, "." + tail, true
}

// split takes the layer number out of a stored name.
func (n names) split(name string) (before string, layer int, after string, ok bool) {
	for _, p := range n.layers {
		if rest, found := strings.CutPrefix(name, p); found {
			if layer, after, ok := leadingNumber(rest); ok {
				return p, layer, after, true
			}
		}
	}
	return "", 0, "", false
}

// expert takes the expert number out of what follows the layer.
func (n names) expert(after string) (before string, expert int, rest string, ok bool) {
	for _, p := range n.experts {
		if tail, found := strings.CutPrefix(after, p); found {
			if expert, rest, ok := leadingNumber(tail); ok {
				return p, expert, rest, true
			}
		}
	}
	return "", 0, "", false
}

// gathered is the name under which the tensor of an expert-parallel rank is kept that holds its experts.
func gathered(name string, ep int) string { return name + "@" + strconv.Itoa(ep) }

// baseLayer marks the original weight of a module with an adapter.
const baseLayer = ".base_layer."

// collector gathers the tensors of all ranks of a Megatron checkpoint.
type collector struct {
	*stored
	c       *megatron.Checkpoint
	spell   names
	counts  map[[3]int]int // tensors of stage, chunk and expert rank, as tensor-parallel rank 0 has them
	perRank int            // experts of an expert-parallel rank
	layerOf func(stage, chunk, local int) (int, bool)
	layers  map[int]bool
}

// storedMegatron numbers layers and experts over the whole model and gathers each tensor's ranks. It
// returns the number of layers found.
func storedMegatron(c *megatron.Checkpoint, format *family.Format, cfg hfconfig.Config, l Layout) (*stored, int, error) {
	k := &collector{stored: newStored(c.TP, c.EP), c: c, spell: namesOf(format), layers: map[int]bool{}, counts: map[[3]int]int{}}
	if n := cfg.MoE.Experts; c.EP > 1 {
		if n%c.EP != 0 {
			return nil, 0, fmt.Errorf("read checkpoint %s: ep %d does not divide the %d experts of family %s", c.Folder, c.EP, n, cfg.Family)
		}
		k.perRank = n / c.EP
	}
	if len(l.NoopLayers) > 0 { // whose places the names leave out
		if err := l.check(cfg); err != nil {
			return nil, 0, fmt.Errorf("read checkpoint %s: %w", c.Folder, err)
		}
		index := map[placed]int{}
		for i, p := range l.places(cfg) {
			index[p] = i
		}
		k.layerOf = func(stage, chunk, local int) (int, bool) {
			n, ok := index[placed{stage, chunk, local}]
			return n, ok
		}
	}
	offset := 0
	for v := range c.VPP {
		for p := range c.PP {
			count := 0
			for e := range c.EP {
				for t := range c.TP {
					n, err := k.chunk(megatron.Rank{TP: t, PP: p, EP: e}, v, offset)
					if err != nil {
						return nil, 0, fmt.Errorf("read checkpoint %s: %w", c.Folder, err)
					}
					count = max(count, n)
				}
			}
			offset += count
		}
	}
	return k.stored, len(k.layers), nil
}

// chunk adds the tensors of one chunk of a rank and returns how many layers it has.
func (k *collector) chunk(r megatron.Rank, v, offset int) (int, error) {
	chunk, err := k.c.Chunk(r, v)
	if err != nil {
		return 0, err
	}
	where := fmt.Sprintf("%s chunk %d", megatron.RankFolder(r, k.c.PP, k.c.EP), v)
	key := [3]int{r.PP, v, r.EP}
	if r.TP == 0 {
		k.counts[key] = len(chunk.Names)
	} else if n := k.counts[key]; len(chunk.Names) != n {
		return 0, fmt.Errorf("%s holds %d tensors, rank 0 of the same stage holds %d", where, len(chunk.Names), n)
	}
	count := 0
	for _, local := range chunk.Names {
		name, twin := strings.Replace(local, baseLayer, ".", 1), r.EP > 0
		if before, n, after, ok := k.spell.split(name); ok {
			count = max(count, n+1)
			layer := offset + n
			if k.layerOf != nil {
				if layer, ok = k.layerOf(r.PP, v, n); !ok {
					return 0, fmt.Errorf("%s holds layer %d (tensor %q), which noop_layers or the layout leave out", where, n, local)
				}
			}
			k.layers[layer] = true
			if other, ok := k.spell.also[after]; ok {
				after = other
			}
			if mid, e, rest, ok := k.spell.expert(after); ok {
				if k.perRank > 0 && e >= k.perRank {
					return 0, fmt.Errorf("%s holds expert %d (tensor %q), each of %d ranks has %d", where, e, local, k.c.EP, k.perRank)
				}
				after, twin = mid+strconv.Itoa(r.EP*k.perRank+e)+rest, false
			}
			name = before + strconv.Itoa(layer) + after
			if slices.Contains(k.spell.gathers, after) {
				name, twin, k.grouped = gathered(name, r.EP), false, true
			}
		}
		tensor := chunk.Tensors[local]
		p := piece{tensor.Info(local), func() ([]byte, error) {
			b, err := tensor.Bytes()
			if err != nil {
				return nil, fmt.Errorf("read checkpoint %s: %s: tensor %q: %w", k.c.Folder, where, local, err)
			}
			return b, nil
		}}
		if twin {
			if len(k.pieces[name]) != k.c.TP {
				return 0, fmt.Errorf("tensor %q of %s is not in expert parallel rank 0", local, where)
			}
			c := rankCopy{of: r.TP, where: where, piece: p}
			if a, b := p.Info, k.pieces[name][r.TP].Info; !c.sameForm(k.pieces[name][r.TP]) {
				return 0, fmt.Errorf("tensor %q of %s is %v %v, on expert parallel rank 0 it is %v %v", local, where, a.DType, a.Shape, b.DType, b.Shape)
			}
			k.copies[name] = append(k.copies[name], c)
			if r.TP == 0 {
				k.twins[name] = append(k.twins[name], p)
			}
			continue
		}
		if r.TP == 0 {
			if _, twice := k.pieces[name]; twice {
				return 0, fmt.Errorf("tensor %q is in %s and in %s", name, k.place[name], where)
			}
			k.names = append(k.names, name)
			k.place[name] = where
		}
		if len(k.pieces[name]) != r.TP {
			return 0, fmt.Errorf("tensor %q of %s is not in rank 0 of the same stage", local, where)
		}
		k.pieces[name] = append(k.pieces[name], p)
	}
	return count, nil
}
