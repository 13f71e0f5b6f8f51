package preprocess

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"github.com/belay-ml/belay/stages/preprocess/record"
	"github.com/belay-ml/belay/stages/preprocess/rowexpr"
)

// Source is a part of the data that is read in its own way. What it leaves out is as the stage's
// parameters say.
type Source struct {
	Input      []artifact.Ref    `yaml:"input" kind:"files,text,dir" required:"true" doc:"as the stage's input: files, folders or patterns"`
	Files      string            `yaml:"files" doc:"pattern of the files to take from folders of input, such as data/train-*.parquet or **/*.jsonl"`
	Style      string            `yaml:"style" alias:"formatting" doc:"what a record of this source is, where the stage's style writes the same fields"`
	Weight     *float64          `yaml:"weight" min:"0" max:"1000" doc:"how many times its records are taken: 1 is each once, 2 each twice, 0.5 half of them, chosen by seed; with mix interleave_*, the share of draws (default 1)"`
	MaxSamples int64             `yaml:"max_samples" min:"0" doc:"only the first so many records that filter lets through; weight counts from them; 0 is all"`
	MapKeys    map[string]string `yaml:"map_keys" alias:"columns" doc:"as the stage's map_keys"`
	Tags       map[string]string `yaml:"tags" doc:"as the stage's tags"`
	Filter     string            `yaml:"filter" doc:"as the stage's filter"`
	Map        map[string]string `yaml:"map" doc:"as the stage's map"`
}

// all are the sources with what the stage's parameters say for all of them.
func (p *Params) all() []Source {
	if len(p.Sources) == 0 {
		return []Source{{Input: p.Input, Style: p.Style, MaxSamples: p.MaxSamples, MapKeys: p.MapKeys, Tags: p.Tags, Filter: p.Filter, Map: p.Map}}
	}
	out := slices.Clone(p.Sources)
	for i := range out {
		s := &out[i]
		if s.Style == "" {
			s.Style = p.Style
		}
		if len(s.MapKeys) == 0 {
			s.MapKeys = p.MapKeys
		}
		if len(s.Tags) == 0 {
			s.Tags = p.Tags
		}
		if s.Filter == "" {
			s.Filter = p.Filter
		}
		if len(s.Map) == 0 {
			s.Map = p.Map
		}
		if s.MaxSamples == 0 {
			s.MaxSamples = p.MaxSamples
		}
	}
	return out
}

// name is how messages call a source.
func (s *Source) name() string {
	var labels []string
	for _, r := range s.Input {
		labels = append(labels, r.Label)
	}
	return strings.Join(labels, ", ")
}

// openSources finds the files of all sources and makes their handlers. left are files that are not read.
func openSources(p *Params, kind handler.Kind, o handler.Options, events event.Stage) (out []*source, left []string, err error) {
	if kind.Catalog {
		own := *p
		if own.Sources, err = p.fromInfo(events); err != nil {
			return nil, nil, err
		}
		p = &own
	}
	for i, given := range p.all() {
		s := &source{name: given.name(), weight: 1, limit: given.MaxSamples, options: record.Options{Missing: p.compat(), Repeats: p.compat()}}
		if given.Weight != nil {
			s.weight = *given.Weight
		}
		for _, r := range given.Input {
			f, l, err := record.Files(r.Path, record.Choice{Pattern: given.Files, Majority: p.compat()})
			if err != nil {
				return nil, nil, err
			}
			s.files, left = append(s.files, f...), append(left, l...)
		}
		own := kind
		if given.Style != p.Style {
			if own, err = handler.Lookup(given.Style); err != nil {
				return nil, nil, fault.Wrap(fault.Recipe, fmt.Errorf("sources[%d]: %w", i, err))
			}
		}
		o := o
		o.MapKeys, o.Tags = given.MapKeys, given.Tags
		if !p.compat() {
			if err := detect(s, &given, own, o, events); err != nil {
				return nil, nil, err
			}
			o.MapKeys, o.Tags = given.MapKeys, given.Tags
		}
		if s.change, err = rowexpr.Compile(given.Filter, given.Map); err != nil {
			return nil, nil, fault.Wrap(fault.Recipe, err)
		}
		if s.handler, err = own.New(o); err != nil {
			return nil, nil, fault.Wrap(fault.Recipe, err)
		}
		if len(out) > 0 && !slices.Equal(s.handler.Fields(), out[0].handler.Fields()) {
			return nil, nil, fault.New(fault.Recipe, "sources[%d]: style %s writes the fields %s, the first source writes %s", i, own.Style,
				strings.Join(s.handler.Fields(), ", "), strings.Join(out[0].handler.Fields(), ", "))
		}
		s.options.Columns = s.reads()
		out = append(out, s)
	}
	if len(left) > 0 {
		events.Warn("files of other formats and folders are left out", map[string]any{"files": left})
	}
	for _, s := range out {
		if p.compat() && !slices.IsSorted(s.files) {
			events.Warn("compat rc3 reads the folder in the order of the file system, which a copy of it may not have", map[string]any{"files": s.files})
		}
	}
	return out, left, nil
}

// newMixer puts sources into the order that mix says.
func newMixer(p *Params, sources []*source) *mixer {
	m := &mixer{interleaved: p.Mix == mixUnder || p.Mix == mixOver, over: p.Mix == mixOver}
	var weights []float64
	even := true
	for i, s := range sources {
		w := s.weight
		if m.interleaved {
			weights, w = append(weights, s.weight), 1
			even = even && s.weight == sources[0].weight
		}
		m.streams = append(m.streams, newStream(s, i, w, p.Seed))
		m.streams[i].align = p.compat() && m.interleaved
	}
	if !even {
		m.draw = draws(weights, p.Seed)
	}
	return m
}

// source is a Source when it is read.
type source struct {
	name    string // as messages call it
	files   []string
	options record.Options
	weight  float64 // 1 is every record once
	limit   int64   // of records after filter, 0 for none
	change  *rowexpr.Rows
	handler handler.Handler
}

// reads are the columns that anything of a record is asked for; nil is all.
func (s *source) reads() []string {
	if s.change.Whole() {
		return nil
	}
	return slices.Concat(s.handler.Columns(), s.handler.Optional(), s.change.Columns())
}

// needed are the columns that the source's data must have.
func (s *source) needed() []string {
	made := s.change.Made()
	out := slices.Clone(s.change.Columns())
	for _, c := range s.handler.Columns() {
		if !slices.Contains(made, c) && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func totalSize(sources []*source) (int64, error) {
	total := int64(0)
	for _, s := range sources {
		n, err := s.size()
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
