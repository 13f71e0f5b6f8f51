package preprocess

import (
	"context"

	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// rc3Batch is the number of rows that the reference writes at a time.
const rc3Batch = 50

// rc3Sink drops long sequences as the reference does: by their position in a batch of rows, counted
// for each field after its empty rows were taken out, and leaving the document's end behind.
type rc3Sink struct {
	*target
	writers
	rows []handler.Document
}

func newRC3Sink(t *target, from *written) (*rc3Sink, error) {
	w, err := t.outputs(from)
	s := &rc3Sink{target: t, writers: w}
	if from != nil {
		s.rows = from.Rows
	}
	return s, err
}

func (*rc3Sink) keeps() bool { return false }

func (s *rc3Sink) mark() (written, error) {
	out, err := s.writers.mark()
	out.Rows = s.rows
	return out, err
}

func (s *rc3Sink) add(doc handler.Document) error {
	s.rows = append(s.rows, doc.Clone())
	if len(s.rows) < rc3Batch {
		return nil
	}
	return s.flush()
}

func (s *rc3Sink) flush() error {
	type position struct{ row, sequence int }
	skip := map[position]bool{}
	look := func(row, sequence, length int) {
		if s.limit > 0 && length >= s.limit {
			skip[position{row, sequence}] = true
		}
	}
	// The rows with something in each field, or each group of fields, which are equally long.
	texts, samples := make([][][][]int32, len(s.fields)), make([][][]handler.Sample, s.groups())
	for _, doc := range s.rows {
		for f, field := range doc.Texts {
			for k, ids := range field {
				look(len(texts[f]), k, len(ids))
			}
			if len(field) > 0 {
				texts[f] = append(texts[f], field)
			}
		}
		for g := range min(len(samples), len(doc.Samples)) {
			var own []handler.Sample
			for i := g; i < len(doc.Samples); i += len(samples) {
				look(len(samples[g]), len(own), len(doc.Samples[i].IDs))
				own = append(own, doc.Samples[i])
			}
			samples[g] = append(samples[g], own)
		}
	}
	for f, rows := range texts {
		for j, row := range rows {
			for k, ids := range row {
				if skip[position{j, k}] {
					s.stats.drop(tooLong)
					continue
				}
				if err := s.all[f].Add(ids); err != nil {
					return err
				}
				s.stats.addText(ids)
			}
			s.all[f].EndDocument()
		}
	}
	for g, rows := range samples {
		for j, row := range rows {
			for k, one := range row {
				if skip[position{j, k}] {
					if g == 0 {
						s.stats.drop(tooLong)
					}
					continue
				}
				if err := s.writeSample(g, one); err != nil {
					return err
				}
				s.stats.addSample(one)
			}
			s.endSamples(g)
		}
	}
	s.rows = s.rows[:0]
	return nil
}

// tooLong is why the reference drops a sequence.
const tooLong = "seq_length or longer"

func (s *rc3Sink) close(ctx context.Context) ([]corpus.IndexSummary, error) {
	if err := s.flush(); err != nil {
		return nil, err
	}
	return s.writers.close(ctx)
}
