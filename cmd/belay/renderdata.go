package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

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
	return documents(o.Tokenizer, kind, h.Fields(), doc)
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
func documents(t tok.Tokenizer, kind handler.Kind, fields []string, doc handler.Document) ([]show.Sample, error) {
	var samples []show.Sample
	for f, field := range doc.Texts {
		for i, ids := range field {
			s := show.FromIDs(t, ids, ids)
			if len(fields) > 1 || len(field) > 1 {
				s.Name = fmt.Sprintf("%s %d", fields[f], i+1)
			}
			samples = append(samples, s)
		}
	}
	for i, one := range doc.Samples {
		labels := slices.Clone(one.IDs)
		if err := one.Labels.Apply(labels); err != nil {
			return nil, err
		}
		s := show.FromIDs(t, one.IDs, labels)
		switch {
		case kind.Pairs && i%2 == 0:
			s.Name = "chosen"
		case kind.Pairs:
			s.Name = "rejected"
		case len(doc.Samples) > 1:
			s.Name = fmt.Sprintf("%s %d", fields[0], i+1)
		}
		samples = append(samples, s)
	}
	return samples, nil
}
