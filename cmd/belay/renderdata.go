package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/models/chat/show"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// fromData is a row of a data file as preprocess encodes it.
func (r *render) fromData(t tok.Tokenizer) ([]show.Sample, error) {
	kind, err := handler.Lookup(r.style)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err)
	}
	switch {
	case r.generate || r.system != "" || r.tools != "" || r.messages != "-":
		return nil, fault.New(fault.Usage, "--data: messages, system, tools and where it ends come from the record")
	case !kind.Templated && r.templateFlag:
		return nil, fault.New(fault.Usage, "--template means nothing with style %s, which has a fixed text", kind.Style)
	case r.row < 1:
		return nil, fault.New(fault.Usage, "--row %d: rows count from 1", r.row)
	}
	o := handler.Options{Tokenizer: t, EOD: t.Special().EOS, MapKeys: r.mapKeys, Tags: r.tags}
	if kind.Keyed {
		o.Keys = []string{"text"}
	}
	if kind.Templated {
		if r.date == "" {
			r.choice.Now = nil // as in preprocess
		}
		if o.Template, err = hf.Open(t, r.choice); err != nil {
			return nil, fault.Wrap(fault.Usage, err)
		}
		o.Tokenizer, o.EOD = o.Template.Tokenizer(), o.Template.EOS()
	}
	h, err := kind.New(o)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err)
	}
	found, err := r.record()
	if err != nil {
		return nil, fault.Wrap(fault.Data, err)
	}
	doc, err := h.Encode(found, nil)
	if err != nil {
		return nil, fault.Wrap(fault.Data, err)
	}
	if doc.Dropped != "" {
		return nil, fault.New(fault.Data, "%s: preprocess leaves this record out: %s", found.Place, doc.Dropped)
	}
	return documents(o.Tokenizer, kind, h.Fields(), doc), nil
}

// record is the row that is asked for.
func (r *render) record() (record.Record, error) {
	f, err := record.Open(r.data, record.Options{})
	if err != nil {
		return record.Record{}, err
	}
	defer f.Close()
	for n := int64(1); ; n++ {
		raw, err := f.Next()
		if errors.Is(err, io.EOF) {
			return record.Record{}, fmt.Errorf("read row %d of %s: it has %s", r.row, r.data, count(int(n-1), "row"))
		}
		if err != nil {
			return record.Record{}, err
		}
		if n == r.row {
			return record.Decode(raw, record.Options{})
		}
	}
}

// documents are the samples that a record became: one a sequence, and for preferences one an answer.
func documents(t tok.Tokenizer, kind handler.Kind, fields []string, doc handler.Document) []show.Sample {
	var samples []show.Sample
	width := 1 // fields of one sample: ids, mask and labels
	if kind.Instruction {
		width = 3
	}
	for at := 0; at+width <= len(doc.Sequences); at += width {
		for i, ids := range doc.Sequences[at] {
			var s show.Sample
			if kind.Instruction {
				s = show.FromIDs(t, ids, doc.Sequences[at+2][i])
			} else {
				s = show.FromIDs(t, ids, ids)
			}
			switch {
			case kind.Pairs && at == 0:
				s.Name = "chosen"
			case kind.Pairs:
				s.Name = "rejected"
			case len(fields) > width || len(doc.Sequences[at]) > 1:
				s.Name = fmt.Sprintf("%s %d", fields[at], i+1)
			}
			samples = append(samples, s)
		}
	}
	return samples
}
