package handler

import (
	"fmt"
	"slices"
	"strings"

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
	New   func(Options) (Handler, error)
}

// Options configure a handler.
type Options struct {
	Tokenizer tok.Tokenizer
	Template  chat.Format // of templated kinds
	EOD       int32       // -1 when the tokenizer has none
	AppendEOD bool
	Keys      []string
	MapKeys   map[string]string
	Tags      map[string]string
	Compat    bool
}

// Handler encodes records.
type Handler interface {
	// Fields names what Document.Sequences holds, in order.
	Fields() []string
	// Columns are the columns that the data must have.
	Columns() []string
	// Encode encodes one record. An error stops the run; a record that is left out says why in
	// Document.Dropped.
	Encode(r record.Record) (Document, error)
}

// Document is what one record became.
type Document struct {
	// Sequences holds, for each field, the document's sequences. Fields of one sample are equally long.
	Sequences [][][]int32
	// Dropped is why there are none.
	Dropped string
}

func dropped(format string, args ...any) Document {
	return Document{Dropped: fmt.Sprintf(format, args...)}
}

var instructionFields = []string{corpus.FieldInputIDs, corpus.FieldMask, corpus.FieldLabels}

// sample is a document of one instruction sample.
func sample(ids, labels []int32) Document {
	return Document{Sequences: [][][]int32{{ids}, {ones(len(ids))}, {labels}}}
}

func ones(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// end appends the end-of-document id to ids and labels, where it is wanted. Only the reference
// doubles one that is there.
func (o Options) end(ids, labels []int32) ([]int32, []int32) {
	if !o.AppendEOD || !o.Compat && len(ids) > 0 && ids[len(ids)-1] == o.EOD {
		return ids, labels
	}
	return append(ids, o.EOD), append(labels, o.EOD)
}

// mapping is the columns that a handler reads, by role.
type mapping map[string]string

// mapColumns overlays the user's mapping on the defaults. Roles whose column is "" are not read.
func (o Options) mapColumns(defaults mapping) (mapping, error) {
	m := mapping{}
	var known []string
	for role, column := range defaults {
		m[role] = column
		known = append(known, role)
	}
	slices.Sort(known)
	var given []string
	for role := range o.MapKeys {
		given = append(given, role)
	}
	slices.Sort(given)
	for _, role := range given {
		if _, ok := m[role]; !ok {
			return nil, fmt.Errorf("map_keys: unknown key %q, want %s", role, strings.Join(known, ", "))
		}
		m[role] = o.MapKeys[role]
	}
	return m, nil
}

// columns lists the mapped columns of the roles, in order.
func (m mapping) columns(roles ...string) []string {
	var out []string
	for _, r := range roles {
		if m[r] != "" {
			out = append(out, m[r])
		}
	}
	return out
}

// text is the text in a role's column; "" when it is not mapped, missing or null.
func (m mapping) text(r record.Record, role string) (string, error) {
	if m[role] == "" {
		return "", nil
	}
	s, _, err := r.Text(m[role])
	return s, err
}

func joinParts(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, "\n")
}
