package record

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

// MaxRecord is the size in bytes that a record may have.
const MaxRecord = 256 << 20

// Place is where a record begins: "data.jsonl:17" for line 17, or an entry number in a JSON array.
type Place struct {
	File  string
	Line  int64 // from 1; 0 when Entry counts
	Entry int64 // from 1, in a JSON array
}

func (p Place) String() string {
	switch {
	case p.Line > 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	case p.Entry > 0:
		return fmt.Sprintf("%s: record %d", p.File, p.Entry)
	}
	return p.File
}

// Raw is a record that is not taken apart yet.
type Raw struct {
	Place Place
	JSON  []byte   // a JSON value, nobody else's
	Text  string   // a line of plain text
	Names []string // columns of a CSV row
	Cells []string // a CSV row; fewer than Names when the row is short

	of   *chunk // that JSON is a piece of
	rows rows   // of a columnar file
	row  int
	size int
}

// Size is about how many bytes the record has.
func (r Raw) Size() int {
	n := len(r.JSON) + len(r.Text) + r.size
	for _, c := range r.Cells {
		n += len(c)
	}
	return n
}

// Release gives the memory of the record back to its reader. Nobody may hold any part of it then, nor of what Decode made of
// it. A record need not be released.
func (r Raw) Release() { r.of.release() }

// Record is named fields in order. Values are those of package ordjson; a CSV cell and a line of text
// are texts.
type Record struct {
	Place  Place
	Fields *ordjson.Object
}

// Decode takes a record apart, and makes the JSON of raw the memory of its texts. Its errors are Mistakes.
func Decode(raw Raw, o Options) (Record, error) {
	r := Record{Place: raw.Place}
	switch {
	case raw.JSON != nil:
		valid := utf8.Valid(raw.JSON)
		v, err := ordjson.ParseOwned(raw.JSON, valid, o.Repeats)
		if err != nil {
			if !valid {
				return r, notUTF8(raw.Place, raw.JSON)
			}
			return r, raw.Place.Errorf(reasonOf(err), "not JSON: %w", err)
		}
		fields, ok := v.(*ordjson.Object)
		if !ok {
			return r, raw.Place.Errorf(WrongForm, "the record is %s, want an object", ordjson.TypeName(v))
		}
		if len(fields.Keys) == 0 {
			return r, raw.Place.Errorf(WrongForm, "the record is empty")
		}
		r.Fields = fields
	case raw.rows != nil:
		fields, err := decodeRow(raw)
		if err != nil {
			return r, err
		}
		r.Fields = fields
	case raw.Names != nil:
		r.Fields = &ordjson.Object{}
		for i, name := range raw.Names {
			if i < len(raw.Cells) {
				r.Fields.Set(name, raw.Cells[i])
			} else {
				r.Fields.Set(name, nil)
			}
		}
	default:
		r.Fields = &ordjson.Object{Keys: []string{"text"}, Values: []any{raw.Text}}
	}
	return r, nil
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, ordjson.ErrTwice):
		return Twice
	case errors.Is(err, ordjson.ErrSurrogate):
		return Surrogate
	}
	return NotJSON
}

// Has says whether the record has a field, null or not.
func (r Record) Has(name string) bool {
	_, ok := r.Fields.Get(name)
	return ok
}

// Text is a field that must be a text; null and a missing field are "" with ok false.
func (r Record) Text(name string) (text string, ok bool, err error) {
	v, _ := r.Fields.Get(name)
	switch v := v.(type) {
	case nil:
		return "", false, nil
	case string:
		return v, true, nil
	}
	return "", false, r.Place.Errorf(WrongType, "%q is %s, want a text", name, ordjson.TypeName(v))
}

// Columns lists the fields for a message.
func (r Record) Columns() string { return strings.Join(r.Fields.Keys, ", ") }
