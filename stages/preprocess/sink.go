package preprocess

import (
	"fmt"
	"path/filepath"

	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// sink writes documents in the order they come.
type sink interface {
	add(doc handler.Document) error
	// close ends the output and says what was written.
	close() ([]corpus.IndexSummary, error)
	// abort removes what is not closed.
	abort()
}

// target is where a sink writes and by which rules.
type target struct {
	dir, prefix string
	work        string // for spooled samples
	fields      []string
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
	return t.prefix + "_" + field + "_document"
}

// writers is one writer a field.
type writers struct {
	names []string
	all   []*corpus.Writer
}

func (t *target) create(dir string, name func(string) string) (w writers, err error) {
	for _, f := range t.fields {
		one, err := corpus.Create(filepath.Join(dir, name(f)), t.dtype)
		if err != nil {
			w.abort()
			return w, err
		}
		w.names, w.all = append(w.names, name(f)), append(w.all, one)
	}
	return w, nil
}

func (w *writers) abort() {
	for _, one := range w.all {
		one.Abort()
	}
}

func (w *writers) close() ([]corpus.IndexSummary, error) {
	var out []corpus.IndexSummary
	for i, one := range w.all {
		if err := one.Close(); err != nil {
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

// count adds a document's samples to the statistics. Instruction fields come in threes: ids, mask, labels.
func (t *target) count(doc handler.Document) {
	for f := 0; f < len(doc.Sequences); f++ {
		for k, ids := range doc.Sequences[f] {
			if t.instruction {
				t.stats.add(ids, doc.Sequences[f+2][k])
			} else {
				t.stats.add(ids, nil)
			}
		}
		if t.instruction {
			f += 2
		}
	}
}

// fit applies the limit to a document: nothing of a document with a sample over it is kept, or the
// samples are cut. It says whether anything is left.
func (t *target) fit(doc handler.Document) bool {
	if t.limit == 0 {
		return true
	}
	long := false
	for _, field := range doc.Sequences {
		for _, ids := range field {
			long = long || len(ids) > t.limit
		}
	}
	if !long {
		return true
	}
	if !t.truncate {
		t.stats.drop(fmt.Sprintf("longer than seq_length %d", t.limit))
		return false
	}
	if t.instruction && !t.learnsWithin(doc) {
		t.stats.drop(fmt.Sprintf("no answer within seq_length %d", t.limit))
		return false
	}
	t.stats.truncated++
	for _, field := range doc.Sequences {
		for k, ids := range field {
			field[k] = ids[:min(len(ids), t.limit)]
		}
	}
	return true
}

// learnsWithin says whether every sample has a label that is learned before the limit.
func (t *target) learnsWithin(doc handler.Document) bool {
	for f := 2; f < len(doc.Sequences); f += 3 {
		for _, labels := range doc.Sequences[f] {
			some := false
			for _, l := range labels[:min(len(labels), t.limit)] {
				some = some || l >= 0
			}
			if !some {
				return false
			}
		}
	}
	return true
}

// plainSink writes every sample as a sequence of its own.
type plainSink struct {
	*target
	writers
}

func newPlainSink(t *target) (*plainSink, error) {
	w, err := t.create(t.dir, t.name)
	return &plainSink{t, w}, err
}

func (s *plainSink) add(doc handler.Document) error {
	if !s.fit(doc) {
		return nil
	}
	s.count(doc)
	return s.write(doc)
}

// write appends a document to every field that has something of it.
func (w *writers) write(doc handler.Document) error {
	for f, field := range doc.Sequences {
		if len(field) == 0 {
			continue
		}
		for _, ids := range field {
			if err := w.all[f].Add(ids); err != nil {
				return err
			}
		}
		w.all[f].EndDocument()
	}
	return nil
}
