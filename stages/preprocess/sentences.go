package preprocess

import (
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"github.com/belay-ml/belay/stages/preprocess/sentence"
)

// Sentences are the parameters that split running text.
type Sentences struct {
	SplitSentences bool         `yaml:"split_sentences" doc:"a sequence for each sentence of a document, as NLTK's punkt splits them; the files are then named _sentence"`
	KeepNewlines   bool         `yaml:"keep_newlines" doc:"with split_sentences: white space behind a sentence stays in it"`
	Punkt          artifact.Ref `yaml:"punkt" kind:"files,dir" doc:"with split_sentences: folder of a language in NLTK's punkt_tab data (default: English, which comes along)"`
}

// check refuses what would mean nothing.
func (s *Sentences) check(k handler.Kind) error {
	switch {
	case s.SplitSentences && k.Instruction:
		return fault.New(fault.Recipe, "split_sentences means nothing with style %s, which is no running text", k.Style)
	case s.KeepNewlines && !s.SplitSentences:
		return fault.New(fault.Recipe, "keep_newlines means nothing without split_sentences")
	case s.Punkt.Given() && !s.SplitSentences:
		return fault.New(fault.Recipe, "punkt means nothing without split_sentences")
	}
	return nil
}

// splitter is nil when text stays whole.
func (s *Sentences) splitter() (func(string) []string, error) {
	if !s.SplitSentences {
		return nil, nil
	}
	var m *sentence.Model
	var err error
	if s.Punkt.Given() {
		m, err = sentence.Load(s.Punkt.Path)
	} else {
		m, err = sentence.English()
	}
	if err != nil {
		return nil, fault.Wrap(fault.Data, err)
	}
	return sentence.Splitter{Model: m, KeepNewlines: s.KeepNewlines}.Split, nil
}

// level is what a sequence of the output is called.
func (s *Sentences) level() string {
	if s.SplitSentences {
		return "sentence"
	}
	return "document"
}
