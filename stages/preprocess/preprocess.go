package preprocess

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// Stage is the stage `preprocess`.
type Stage struct {
	every int64 // ids between checkpoints; 0 takes the usual
}

// Describe says what the stage takes and makes.
func (Stage) Describe() engine.Spec {
	return engine.Spec{
		Name:      "preprocess",
		Version:   2,
		Doc:       "Turn text or instruction records into a token index (Megatron .bin/.idx), through a prompt template and packed where wanted.",
		Params:    Params{},
		Outputs:   []artifact.Port{{Name: "index", Kind: artifact.TokenIndex, Doc: "folder of .bin/.idx pairs and manifest.json"}},
		Resumable: true,
		Resources: engine.Resources{
			CPU: -1,
		},
	}
}

// Run reads the input and writes the index.
func (s Stage) Run(ctx context.Context, in engine.In, out engine.Out) error {
	p, ok := in.Params.(*Params)
	if !ok {
		return fmt.Errorf("preprocess: parameters are %T", in.Params)
	}
	dir := out.Path("index")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("preprocess: %w", err)
	}
	var m corpus.Manifest
	var err error
	if len(p.MergeGroupKeys) > 0 {
		p.report(p, handler.Kind{Keyed: true, Templated: true}, in.Events)
		m, err = merge(ctx, p, dir)
	} else {
		m, err = s.encode(ctx, p, in, dir)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fault.Wrap(fault.Data, fmt.Errorf("preprocess: %w", err))
	}
	if err := m.Write(dir); err != nil {
		return fmt.Errorf("preprocess: %w", err)
	}
	out.Note("records", m.Records)
	out.Note("samples", m.Samples)
	out.Note("tokens", m.Tokens)
	out.Note("dropped", m.Dropped)
	return nil
}

// encode makes an index of data files.
func (s Stage) encode(ctx context.Context, p *Params, in engine.In, dir string) (m corpus.Manifest, err error) {
	kind, err := lookup(p, in.Events)
	if err != nil {
		return m, err
	}
	if err := p.check(kind); err != nil {
		return m, err
	}
	p.report(p, kind, in.Events)
	o, pad, err := options(p, kind, in.Events)
	if err != nil {
		return m, err
	}
	sources, left, err := openSources(p, kind, o, in.Events)
	if err != nil {
		return m, err
	}
	total, err := totalSize(sources)
	if err != nil {
		return m, err
	}
	h := sources[0].handler

	counts := newStats(o.Tokenizer)
	t := &target{
		dir: dir, prefix: p.OutputPrefix, work: filepath.Join(in.Work, "output"), fields: h.Fields(), level: p.Sentences.level(), instruction: kind.Instruction,
		dtype: corpus.I32, limit: p.SeqLength, truncate: p.OnLong == "truncate", pad: pad, subsets: p.Subsets, stats: counts,
	}
	if p.DType == "auto" {
		t.dtype = corpus.Smallest(o.Tokenizer.VocabSize())
	}
	to, err := openSink(t, filesOf(sources), cmp.Or(s.every, checkpointEvery), p.newSink)
	if err != nil {
		return m, err
	}
	defer func() { to.end(ctx, err) }()
	from := to.at.Input
	if from.Records > 0 {
		in.Events.Info(fmt.Sprintf("going on after %d records that are done", from.Records), nil)
	}
	pipe := &pipeline{
		sources: sources, mix: newMixer(p, sources), workers: workers(p, in), examples: map[string]string{}, from: from, keeps: to.to.keeps,
		collect: func(docs []handler.Document, so collected) error {
			if err := to.collect(docs, so); err != nil {
				return err
			}
			in.Events.Progress(so.Bytes, total, "bytes", fmt.Sprintf("%d records", counts.Records))
			return nil
		},
	}
	if p.OnError == "skip" {
		pipe.tolerance = &tolerance{most: p.MaxErrors, events: in.Events}
	}
	if err := to.run(ctx, pipe); err != nil {
		return m, err
	}
	if counts.Samples == 0 && !p.compat() {
		return m, fault.New(fault.Data, "none of the %d records gave a sample: %s", counts.Records, reasons(counts.Dropped))
	}
	tellTaken(sources, to.at.Input.Columns, in.Events)
	indexes, err := to.to.close(ctx)
	if err != nil {
		return m, err
	}
	if len(counts.Dropped) > 0 {
		in.Events.Warn("records were left out: "+reasons(counts.Dropped), nil)
	}
	m = corpus.Manifest{
		Format: 1, Style: kind.Style, Template: p.Template, Compat: p.Compat, Prefix: p.OutputPrefix,
		Instruction: kind.Instruction, Pairs: kind.Pairs, Packed: p.Pack, SeqLength: p.SeqLength,
		VocabSize: o.Tokenizer.VocabSize(), EOD: o.EOD, PAD: pad, LeftOut: left,
		Records: counts.Records, Samples: counts.Samples, Tokens: counts.Tokens, Trained: counts.Trained,
		Truncated: counts.Truncated, Dropped: counts.Dropped, Examples: to.at.Input.Examples,
		Lengths: counts.lengthSummary(), Histogram: counts.tokenSummary(), Indexes: indexes, Sample: counts.Sample,
	}
	m.Files = filesOf(sources)
	return m, nil
}

// tellTaken says which columns were read without being asked for, where the reference would pass over them.
func tellTaken(sources []*source, seen [][]string, events event.Stage) {
	var taken []string
	for i, s := range sources {
		for _, c := range s.handler.Optional() {
			if c != "input" && slices.Contains(seen[i], c) && !slices.Contains(taken, c) {
				taken = append(taken, c)
			}
		}
	}
	if len(taken) > 0 {
		events.Info("columns are read by their names; map_keys with an empty name leaves one out", map[string]any{"columns": taken})
	}
}

// lookup finds the handler; the reference takes any unknown name for running text.
func lookup(p *Params, events event.Stage) (handler.Kind, error) {
	kind, err := handler.Lookup(p.Style)
	if errors.Is(err, handler.ErrUnknown) && p.compat() {
		events.Warn("unknown style is read as running text, as the reference does", map[string]any{"style": p.Style})
		return handler.Lookup("pretrain")
	}
	return kind, fault.Wrap(fault.Recipe, err)
}

// options opens the tokenizer and fits the template to it.
func options(p *Params, kind handler.Kind, events event.Stage) (o handler.Options, pad int32, err error) {
	t, err := p.openTokenizer()
	if err != nil {
		return o, 0, err
	}
	sp := t.Special()
	o = handler.Options{
		Tokenizer: t, EOD: sp.EOS, AppendEOD: p.AppendEOD, Keys: p.JSONKeys,
		MapKeys: p.MapKeys, Tags: p.Tags, Compat: p.compat(), Learn: p.learn(),
	}
	if o.Sentences, err = p.Sentences.splitter(); err != nil {
		return o, 0, err
	}
	pad = sp.PAD
	if kind.Keyed && len(o.Keys) == 0 {
		o.Keys = []string{"text"}
	}
	if kind.Templated {
		if o.Template, err = bind(p, t, events); err != nil {
			return o, 0, err
		}
		o.Tokenizer, o.EOD, pad = o.Template.Tokenizer(), o.Template.EOS(), o.Template.PAD()
	}
	if o.EOD < 0 && (p.AppendEOD || kind.Style == "moss_multiturn") {
		return o, 0, fault.New(fault.Recipe, "append_eod: the tokenizer %s has no end-of-text token", p.Tokenizer.Label).
			WithHint("set eos_token in its tokenizer_config.json, or leave append_eod out")
	}
	if pad < 0 {
		pad = max(o.EOD, 0)
	}
	return o, pad, nil
}

// bind fits the template to the tokenizer and tells what does not fit well.
func bind(p *Params, t tok.Tokenizer, events event.Stage) (chat.Format, error) {
	choice := p.choice()
	var err error
	if choice.Now, err = hf.Clock(p.Date); err != nil {
		return nil, fault.Wrap(fault.Recipe, err)
	}
	b, err := hf.Open(t, choice)
	if err != nil {
		return nil, fault.Wrap(fault.Recipe, err)
	}
	if named, ok := b.(*chat.Bound); ok && named.LacksBOS() {
		events.Warn("the template begins with the bos token and the tokenizer has none: it is left out", map[string]any{"template": p.Template})
	}
	if have, want := t.VocabSize(), b.Tokenizer().VocabSize(); want > have {
		var added []string
		for id := have; id < want; id++ {
			added = append(added, b.Tokenizer().Token(int32(id)))
		}
		events.Warn("the template needs tokens that the tokenizer lacks: the model must have embeddings for their ids",
			map[string]any{"template": p.Template, "tokens": added, "first_id": have, "vocab_size": want})
	}
	return b, nil
}

func (p *Params) newSink(t *target, from *written) (sink, error) {
	switch {
	case p.Pack:
		return newPackSink(t, p.compat(), from)
	case p.compat():
		return newRC3Sink(t, from)
	}
	return newPlainSink(t, from)
}

func workers(p *Params, in engine.In) int {
	if p.Workers > 0 {
		return p.Workers
	}
	return max(in.CPU, 1)
}
