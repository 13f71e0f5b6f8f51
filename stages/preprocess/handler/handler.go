package handler

import (
	"fmt"
	"slices"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// Kind describes a handler for help, checks and file names.
type Kind struct {
	Style     string // as in recipes
	Reference string // as in --handler-name
	Doc       string
	// Templated kinds write conversations through a prompt template.
	Templated bool
	// Instruction kinds write ids, mask and labels, in files with "packed" in their names.
	Instruction bool
	// Pairs kinds write those twice, for a chosen and a rejected answer.
	Pairs bool
	// Tagged kinds read conversations whose entries name their speaker.
	Tagged bool
	// Keyed kinds write one index for each of Options.Keys.
	Keyed bool
	// Catalog kinds read data sets that a dataset_info.json describes, each by the handler of its style.
	Catalog bool
	New     func(Options) (Handler, error)
}

// Options configure a handler.
type Options struct {
	Tokenizer tok.Tokenizer
	Template  chat.Format // of templated kinds
	Learn     chat.Learn  // of templated kinds without pairs
	EOD       int32       // -1 when the tokenizer has none
	AppendEOD bool
	Keys      []string
	MapKeys   map[string]string
	Tags      map[string]string
	Compat    bool
	// Sentences splits running text; nil leaves it whole.
	Sentences func(text string) []string
}

// Handler encodes records.
type Handler interface {
	// Fields names what is written of documents: their texts in order, or ids, mask and labels of their samples, in pairs
	// of the chosen and then of the rejected ones.
	Fields() []string
	// Columns are the columns that the data must have, Optional those that are read where they are.
	Columns() []string
	Optional() []string
	// Encode encodes one record into m. An error stops the run; a record that is left out says why in
	// Document.Dropped.
	Encode(r record.Record, m *Memory) (Document, error)
}

// Document is what one record became. It is valid until the Memory it lies in is used again.
type Document struct {
	// Texts holds, for each field of running text, the document's sequences.
	Texts [][][]int32
	// Samples are those of instructions. Where kinds have pairs, a chosen one is followed by a rejected one.
	Samples []Sample
	// Cut says that a sample was made shorter.
	Cut bool
	// Dropped is why there are none.
	Dropped string
}

// Sample is ids and what is learned of them; its mask is ones.
type Sample struct {
	IDs    []int32
	Labels chat.Labels
}

// Clone is the document in memory of its own.
func (d Document) Clone() Document {
	texts := make([][][]int32, len(d.Texts))
	for f, field := range d.Texts {
		for _, ids := range field {
			texts[f] = append(texts[f], slices.Clone(ids))
		}
	}
	samples := make([]Sample, len(d.Samples))
	for i, s := range d.Samples {
		samples[i] = Sample{slices.Clone(s.IDs), slices.Clone(s.Labels)}
	}
	d.Texts, d.Samples = texts, samples
	return d
}

func dropped(format string, args ...any) Document {
	return Document{Dropped: fmt.Sprintf(format, args...)}
}

var instructionFields = []string{corpus.FieldInputIDs, corpus.FieldMask, corpus.FieldLabels}

// end appends the end-of-document id to ids, where it is wanted. Only the reference doubles one that is there.
func (o Options) end(ids []int32) []int32 {
	if !o.AppendEOD || !o.Compat && len(ids) > 0 && ids[len(ids)-1] == o.EOD {
		return ids
	}
	return append(ids, o.EOD)
}
