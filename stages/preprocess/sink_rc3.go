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
	fields := make([][][][]int32, len(s.fields)) // field -> rows with something in it -> sequences
	skip := map[position]bool{}
	for f := range s.fields {
		for _, row := range s.rows {
			if len(row.Sequences[f]) == 0 {
				continue
			}
			for k, ids := range row.Sequences[f] {
				if s.limit > 0 && len(ids) >= s.limit {
					skip[position{len(fields[f]), k}] = true
				}
			}
			fields[f] = append(fields[f], row.Sequences[f])
		}
	}
	for f, rows := range fields {
		for j, row := range rows {
			for k, ids := range row {
				if skip[position{j, k}] {
					if !s.instruction || f == 0 {
						s.stats.drop("seq_length or longer")
					}
					continue
				}
				if err := s.all[f].Add(ids); err != nil {
					return err
				}
				switch {
				case !s.instruction:
					s.stats.add(ids, nil)
				case f%3 == 0:
					s.stats.add(ids, fields[f+2][j][k])
				}
			}
			s.all[f].EndDocument()
		}
	}
	s.rows = s.rows[:0]
	return nil
}

func (s *rc3Sink) close(ctx context.Context) ([]corpus.IndexSummary, error) {
	if err := s.flush(); err != nil {
		return nil, err
	}
	return s.writers.close(ctx)
}
