package preprocess

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// sink writes documents in the order they come.
type sink interface {
	add(doc handler.Document) error
	// keeps says whether the memory of documents must stay as it is after add. It may end, but does not begin again.
	keeps() bool
	// mark makes what was added safe on the disk, to go on from.
	mark() (written, error)
	// size is how many ids were written.
	size() int64
	// close ends the output and says what was written.
	close(ctx context.Context) ([]corpus.IndexSummary, error)
	// abort closes what is open; what lies in the working directory stays.
	abort()
}

// written is what a sink has in the working directory.
type written struct {
	Marks   []corpus.Mark      `json:"marks"`
	Samples int64              `json:"samples,omitempty"` // ids of spooled samples
	Rows    []handler.Document `json:"rows,omitempty"`    // waiting to be written
}

// target is where a sink writes and by which rules.
type target struct {
	dir, prefix string
	work        string // where output waits for its end
	fields      []string
	level       string // "document", or "sentence"
	instruction bool
	dtype       corpus.DType
	limit       int // longest sample, 0 for none
	truncate    bool
	pad         int32
	subsets     int
	stats       *stats
}

// name is the name of a field's index.
func (t *target) name(field string) string {
	if t.instruction {
		return corpus.FieldPrefix(t.prefix, field)
	}
	return t.prefix + "_" + field + "_" + t.level
}

// writers is one writer a field.
type writers struct {
	names []string
	all   []*corpus.Writer
}

// open makes writers into dir whose output waits in the working directory, or takes them up again where they were.
func (t *target) open(dir string, names []string, dtype corpus.DType, from *written) (w writers, err error) {
	if from != nil && len(from.Marks) != len(names) {
		return w, fmt.Errorf("resume: %d marks for %d indexes", len(from.Marks), len(names))
	}
	if err := os.MkdirAll(t.work, 0o755); err != nil {
		return w, fmt.Errorf("write samples: %w", err)
	}
	for i, name := range names {
		o := corpus.Options{DType: dtype, Work: t.work}
		var one *corpus.Writer
		if from == nil {
			one, err = corpus.New(filepath.Join(dir, name), o)
		} else {
			one, err = corpus.Resume(filepath.Join(dir, name), o, from.Marks[i])
		}
		if err != nil {
			w.abort()
			return w, err
		}
		w.names, w.all = append(w.names, name), append(w.all, one)
	}
	return w, nil
}

// outputs opens the writers of the fields.
func (t *target) outputs(from *written) (writers, error) {
	var names []string
	for _, f := range t.fields {
		names = append(names, t.name(f))
	}
	return t.open(t.dir, names, t.dtype, from)
}

func (w *writers) abort() {
	for _, one := range w.all {
		one.Abort()
	}
}

func (w *writers) size() int64 {
	n := int64(0)
	for _, one := range w.all {
		n += one.Tokens()
	}
	return n
}

func (w *writers) mark() (out written, err error) {
	for _, one := range w.all {
		m, err := one.Mark()
		if err != nil {
			return out, err
		}
		out.Marks = append(out.Marks, m)
	}
	return out, nil
}

func (w *writers) close(ctx context.Context) ([]corpus.IndexSummary, error) {
	var out []corpus.IndexSummary
	for i, one := range w.all {
		err := ctx.Err()
		if err == nil {
			err = one.Close()
		}
		if err != nil {
			w.abort()
			return nil, err
		}
		out = append(out, summary(w.names[i], one))
	}
	return out, nil
}

func summary(name string, w *corpus.Writer) corpus.IndexSummary {
	return corpus.IndexSummary{Name: name, DType: w.DType().String(), Sequences: w.Sequences(), Documents: w.Documents(), Tokens: w.Tokens()}
}

// count adds a document's sequences to the statistics.
func (t *target) count(doc handler.Document) {
	for _, field := range doc.Texts {
		for _, ids := range field {
			t.stats.addText(ids)
		}
	}
	for _, s := range doc.Samples {
		t.stats.addSample(s)
	}
}

// fit applies the limit to a document: nothing of a document with a sample over it is kept, or the
// samples are cut. It says whether anything is left.
func (t *target) fit(doc handler.Document) bool {
	if t.limit == 0 {
		return true
	}
	long := false
	for _, field := range doc.Texts {
		for _, ids := range field {
			long = long || len(ids) > t.limit
		}
	}
	for _, s := range doc.Samples {
		long = long || len(s.IDs) > t.limit
	}
	if !long {
		return true
	}
	if !t.truncate {
		t.stats.drop(fmt.Sprintf("longer than seq_length %d", t.limit))
		return false
	}
	for _, field := range doc.Texts {
		for k, ids := range field {
			field[k] = ids[:min(len(ids), t.limit)]
		}
	}
	for i := range doc.Samples {
		s := &doc.Samples[i]
		s.IDs, s.Labels = s.IDs[:min(len(s.IDs), t.limit)], s.Labels.Cut(t.limit)
		if s.Labels.Learned() == 0 {
			t.stats.drop(fmt.Sprintf("no answer within seq_length %d", t.limit))
			return false
		}
	}
	t.stats.Truncated++
	return true
}

// plainSink writes every sample as a sequence of its own.
type plainSink struct {
	*target
	writers
}

func (*plainSink) keeps() bool { return false }

func newPlainSink(t *target, from *written) (*plainSink, error) {
	w, err := t.outputs(from)
	return &plainSink{t, w}, err
}

func (s *plainSink) add(doc handler.Document) error {
	if !s.fit(doc) {
		return nil
	}
	s.count(doc)
	for f, field := range doc.Texts {
		if len(field) == 0 {
			continue
		}
		for _, ids := range field {
			if err := s.all[f].Add(ids); err != nil {
				return err
			}
		}
		s.all[f].EndDocument()
	}
	for g := range min(s.groups(), len(doc.Samples)) {
		for i := g; i < len(doc.Samples); i += s.groups() {
			if err := s.writeSample(g, doc.Samples[i]); err != nil {
				return err
			}
		}
		s.endSamples(g)
	}
	return nil
}

// groups is how many groups of ids, mask and labels the fields of samples are: two of pairs.
func (w *writers) groups() int { return len(w.all) / samplesFields }

// samplesFields are ids, mask and labels.
const samplesFields = 3

// writeSample appends a sample to the fields of a group.
func (w *writers) writeSample(group int, s handler.Sample) error {
	fields := w.all[samplesFields*group:]
	return errors.Join(
		fields[0].Add(s.IDs),
		fields[1].Add(handler.Mask(len(s.IDs))),
		fields[2].Fill(len(s.IDs), func(ids []int32) error {
			copy(ids, s.IDs)
			return s.Labels.Apply(ids)
		}),
	)
}

// endSamples ends a document in the fields of a group.
func (w *writers) endSamples(group int) {
	for _, one := range w.all[samplesFields*group:][:samplesFields] {
		one.EndDocument()
	}
}
