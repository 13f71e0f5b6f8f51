package convert

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
)

// RC3 is the Compat value that repeats the behaviour of MindSpeed-LLM 1.0.RC3's converter where belay
// does better.
const RC3 = "rc3"

// WriteOptions say how canonical tensors are stored.
type WriteOptions struct {
	To     Format
	Layout Layout      // Megatron only
	DType  dtype.DType // dtype.Invalid: as they are

	MakeVocabSizeDivisibleBy int  // Megatron only; rows are padded to a multiple of this times tp; 0 means 1
	MoEGroupedGEMM           bool // Megatron only; the experts of a rank lie in one tensor
	AdaptersOnly             bool // Legacy only; of the layers, only adapters: what its trainer saves of LoRA

	Iteration int            // Megatron only; megatron.Release for a folder named release
	Args      map[string]any // Megatron only: more arguments, for example lora_alpha; they win over belay's own

	Template  string // Hugging Face only: directory whose config.json and tokenizer files are copied
	ShardSize int64  // Hugging Face only: bytes a file; 0 for one file

	Family, FamilyDir string
	Compat            string
	Workers           int // tensors in flight; 0 means 4

	// Progress, if set, is called after each tensor with the bytes written so far and in all. It may
	// be called from several goroutines at once.
	Progress func(done, total int64)
}

// Written says what Write wrote.
type Written struct {
	Folder      string // that holds the files
	Tensors     int
	Bytes       int64
	PaddedVocab int
	DType       dtype.DType
}

// Write stores canonical tensors, with adapters if src has them (Megatron-Core, or Legacy without the rest), in dir.
// cfg describes the model; its Family is recognised when it is empty.
func Write(ctx context.Context, src ckpt.Source, cfg hfconfig.Config, dir string, opt WriteOptions) (Written, error) {
	reg, err := Families(opt.FamilyDir)
	if err != nil {
		return Written{}, err
	}
	name := opt.Family
	if name == "" {
		name = cfg.Family
	}
	f, err := familyOf(cfg, name, reg)
	if err != nil {
		return Written{}, err
	}
	cfg.Family = f.Name
	if opt.DType != dtype.Invalid {
		src = Cast(src, opt.DType)
	}
	switch {
	case opt.AdaptersOnly && (opt.To != Legacy || !HasAdapters(src)):
		return Written{}, fmt.Errorf("write %s: adapters without weights are a form of legacy checkpoints, of weights that hold adapters", opt.To)
	case HasAdapters(src) && opt.To != Mcore && !opt.AdaptersOnly:
		return Written{}, fmt.Errorf("write %s: the weights hold LoRA adapters, which only mcore checkpoints keep: merge them or write mcore", opt.To)
	}
	switch opt.To {
	case HF:
		return writeHF(ctx, src, cfg, f, dir, opt)
	case Legacy, Mcore:
		return writeMegatron(ctx, src, cfg, f, dir, opt)
	}
	return Written{}, fmt.Errorf("write checkpoint: format %q: want hf, legacy or mcore", opt.To)
}

// job makes one stored tensor, in all the places that hold it.
type job struct {
	inputs  []ckpt.Info // canonical tensors; those of one expert after the other when there are several
	parts   []int       // rows of each part, when the one input is a stack of them
	cuts    []cut       // of each part
	chain   chain
	outs    []output
	info    ckpt.Info // of one tensor-parallel shard, under its stored name
	size    int64     // over all ranks
	experts int       // that the tensor holds one after the other; 0 for a tensor of its own
}

// output is a place of a stored tensor: a chunk of a pipeline stage, on some expert-parallel ranks.
type output struct {
	stage, chunk int
	eps          []int
	name         string
}

// planner turns rules into jobs.
type planner struct {
	model
	tp   int
	have map[string]ckpt.Info
	used map[string]bool
}

func newPlanner(src ckpt.Source, m model, tp int) *planner {
	p := &planner{model: m, tp: tp, have: map[string]ckpt.Info{}, used: map[string]bool{}}
	for _, i := range src.List() {
		p.have[i.Name] = i
	}
	return p
}

// job plans the tensor of a rule in a layer, for the experts from up to to when the rule is one of
// experts; it is nil when the model has no such tensor.
func (p *planner) job(r family.Rule, layer, from, to int, stored string) (*job, error) {
	if !p.holds(r, layer) {
		return nil, nil
	}
	c, err := chainOf(r.By)
	if err != nil {
		return nil, fmt.Errorf("rule %s: %w", r.Name, err)
	}
	j := &job{chain: c, info: ckpt.Info{Name: stored}}
	all := gather{axis: r.Experts, n: to - from}
	if r.Experts != "" {
		j.experts = all.n
	}
	var shapes [][]int
	var absent []string
	for e := from; e < to; e++ {
		shapes = shapes[:0]
		for _, name := range r.From {
			t, _ := p.f.TensorNamed(name)
			name = at(name, layer, e)
			i, ok := p.have[name]
			if !ok {
				absent = append(absent, name)
				if !t.Optional || name == "head.weight" && !p.cfg.TieEmbeddings {
					return nil, fmt.Errorf("write tensor %s: canonical tensor %s is missing", stored, name)
				}
				continue
			}
			p.used[name] = true
			want := p.shapeOf(t)
			if t.Vocab {
				want[0] = i.Shape[0]
			}
			if !slices.Equal(want, i.Shape) {
				return nil, fmt.Errorf("write tensor %s: %s has shape %v, the config says %v", stored, name, i.Shape, want)
			}
			if len(j.inputs) > 0 && i.DType != j.info.DType {
				return nil, fmt.Errorf("write tensor %s: %s is %v, %s is %v: give a dtype", stored, j.inputs[0].Name, j.info.DType, name, i.DType)
			}
			k := p.cutOf(t, p.tp)
			s, err := k.shape(i.Shape)
			if err != nil {
				return nil, fmt.Errorf("write tensor %s: %s: %w", stored, name, err)
			}
			shapes = append(shapes, s)
			j.inputs = append(j.inputs, i)
			if e == from {
				j.cuts = append(j.cuts, k)
			}
			j.info.DType = i.DType
		}
	}
	if len(j.inputs) == 0 {
		return nil, nil
	}
	if len(absent) > 0 {
		return nil, fmt.Errorf("write tensor %s: canonical tensor %s is missing", stored, absent[0])
	}
	if j.info.Shape, err = c.shape(Env{HeadDim: p.cfg.HeadDim}, shapes); err != nil {
		return nil, fmt.Errorf("write tensor %s: %w", stored, err)
	}
	j.info.Shape = all.shape(j.info.Shape)
	j.size = j.info.Size() * int64(p.tp)
	return j, nil
}

// adapterJobs plans the A and B of a module; both are nil when it has none.
func (p *planner) adapterJobs(r family.Rule, layer int, module string) (a, b *job, err error) {
	name := at(r.Adapter, layer, -1)
	ia, okA := p.have[name+loraA]
	ib, okB := p.have[name+loraB]
	if !okA && !okB {
		return nil, nil, nil
	}
	if !okA || !okB {
		return nil, nil, fmt.Errorf("write adapter %s: only one of lora_A and lora_B is there", name)
	}
	p.used[name+loraA], p.used[name+loraB] = true, true
	c, err := chainOf(r.By)
	if err != nil {
		return nil, nil, err
	}
	_, cuts, err := p.parts(r, p.tp)
	if err != nil {
		return nil, nil, fmt.Errorf("write adapter %s: %w", name, err)
	}
	cutA, cutsB := adapterCuts(cuts)
	a = &job{inputs: []ckpt.Info{ia}, cuts: []cut{cutA}}
	a.info = ckpt.Info{Name: module + loraA + "." + defaultAdapter + ".weight", DType: ia.DType}
	if a.info.Shape, err = cutA.shape(ia.Shape); err != nil {
		return nil, nil, fmt.Errorf("write adapter %s: %w", name, err)
	}
	b = &job{inputs: []ckpt.Info{ib}, chain: c, cuts: cutsB}
	b.info = ckpt.Info{Name: module + loraB + "." + defaultAdapter + ".weight", DType: ib.DType}
	var shapes [][]int
	sum := 0
	for k, from := range r.From {
		ft, _ := p.f.TensorNamed(from)
		rows := p.shapeOf(ft)[0]
		sum += rows
		s, err := cutsB[k].shape([]int{rows, ib.Shape[1]})
		if err != nil {
			return nil, nil, fmt.Errorf("write adapter %s: %w", name, err)
		}
		shapes = append(shapes, s)
		b.parts = append(b.parts, rows)
	}
	if sum != ib.Shape[0] || ib.Shape[1] != ia.Shape[0] {
		return nil, nil, fmt.Errorf("write adapter %s: lora_A %v and lora_B %v do not fit a module of %d outputs", name, ia.Shape, ib.Shape, sum)
	}
	if b.info.Shape, err = c.shape(Env{HeadDim: p.cfg.HeadDim}, shapes); err != nil {
		return nil, nil, fmt.Errorf("write adapter %s: %w", name, err)
	}
	for _, j := range []*job{a, b} {
		j.size = j.info.Size() * int64(p.tp)
	}
	return a, b, nil
}

// unused names the canonical tensors that no rule stored.
func (p *planner) unused() error {
	var left []string
	for name := range p.have {
		if !p.used[name] {
			left = append(left, name)
		}
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	return fmt.Errorf("write checkpoint: %d tensors have no place in it: %s", len(left), strings.Join(left[:min(4, len(left))], ", "))
}

// places is the number of files that hold a job's tensor, tensor-parallel ranks aside.
func (j *job) places() int64 {
	n := 0
	for _, o := range j.outs {
		n += max(len(o.eps), 1)
	}
	return int64(n)
}

// large is the size from which a tensor's memory is given back at once: the collector would wait until the heap has
// doubled, which is another such tensor.
const large = 32 << 20

// inFlight bounds the bytes of the tensors that workers have in hand together; a larger tensor is alone.
const inFlight = 192 << 20

// run does the jobs with a few workers; put stores the next bytes of a shard of tensor-parallel rank t.
func run(ctx context.Context, src ckpt.Source, env Env, tp int, jobs []*job, opt WriteOptions, put func(t int, o output, data []byte) error) error {
	workers := opt.Workers
	if workers < 1 {
		workers = 4
	}
	total := int64(0)
	for _, j := range jobs {
		total += j.size * j.places()
	}
	var done atomic.Int64
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	room := semaphore.NewWeighted(inFlight)
	for _, j := range jobs {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error {
			each := len(j.inputs)
			if j.experts > 0 {
				each /= j.experts
			}
			for from := 0; from < len(j.inputs); from += each {
				inputs := j.inputs[from : from+each]
				size := int64(0)
				for _, i := range inputs {
					size += i.Size()
				}
				size = min(size, inFlight)
				if err := room.Acquire(inner, size); err != nil {
					return err
				}
				err := j.do(src, inputs, env, tp, put)
				room.Release(size)
				if size >= large {
					runtime.GC()
				}
				if err != nil {
					return fmt.Errorf("write tensor %s: %w", j.info.Name, err)
				}
				n := done.Add(j.size / int64(max(j.experts, 1)) * j.places())
				if opt.Progress != nil {
					opt.Progress(n, total)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// copy writes a tensor of one rank that is its inputs one below the other.
func (j *job) copy(src ckpt.Source, inputs []ckpt.Info, put func(t int, o output, data []byte) error) error {
	for _, i := range inputs {
		all, err := stretches(src, i.Name)
		if err != nil {
			return err
		}
		size := int64(0)
		for _, b := range all {
			size += int64(len(b))
		}
		if size != i.Size() {
			return fmt.Errorf("%s has %d bytes, want %d", i.Name, size, i.Size())
		}
		for _, b := range all {
			for _, o := range j.outs {
				if err := put(0, o, b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// do makes a tensor, or the part of it that is one expert's.
func (j *job) do(src ckpt.Source, inputs []ckpt.Info, env Env, tp int, put func(t int, o output, data []byte) error) error {
	if tp == 1 && j.parts == nil && j.chain.stacks() {
		return j.copy(src, inputs, put)
	}
	var parts []Block
	for _, i := range inputs {
		data, err := src.Bytes(i.Name)
		if err != nil {
			return err
		}
		if int64(len(data)) != i.Size() {
			return fmt.Errorf("%s has %d bytes, want %d", i.Name, len(data), i.Size())
		}
		b := Block{Shape: i.Shape, Size: i.DType.Size(), Data: data}
		if j.parts == nil {
			parts = append(parts, b)
			continue
		}
		from := 0
		for _, n := range j.parts {
			parts = append(parts, b.rows(from, from+n))
			from += n
		}
	}
	for t := range tp {
		shards := make([]Block, len(parts))
		for k, b := range parts {
			shards[k] = j.cuts[k].shard(b, t)
		}
		err := j.chain.stream(env, shards, func(data []byte) error {
			for _, o := range j.outs {
				if err := put(t, o, data); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
