package inference

import (
	"bytes"
	"strings"

	"github.com/belay-ml/belay/models/tok"
)

// stream is the text of one answer as it grows, watched for the texts that end it.
type stream struct {
	decoder *tok.Decoder
	stop    []string
	text    []byte
	shown   int  // bytes handed out
	ended   bool // a stop text came; text ends before it
}

// push adds text and says whether the answer has ended. Only what a stop text could newly reach is
// searched, so that an answer costs time in its length.
func (s *stream) push(more string) bool {
	if s.ended || more == "" {
		return s.ended
	}
	before := len(s.text)
	s.text = append(s.text, more...)
	end := len(s.text)
	for _, w := range s.stop {
		from := max(0, before-len(w)+1)
		if at := bytes.Index(s.text[from:], []byte(w)); at >= 0 && from+at < end {
			end, s.ended = from+at, true
		}
	}
	s.text = s.text[:end]
	return s.ended
}

// finish adds what the decoder holds back; nothing more will come that could complete a stop text.
func (s *stream) finish() (ended bool) {
	s.push(s.decoder.Flush())
	s.stop = nil
	return s.ended
}

// show hands out the text that is certain: not what a stop text may begin with.
func (s *stream) show(piece func(string)) {
	hold := 0
	if !s.ended {
		for _, w := range s.stop {
			for n := min(len(w)-1, len(s.text)-s.shown); n > hold; n-- {
				if strings.HasPrefix(w, string(s.text[len(s.text)-n:])) {
					hold = n
					break
				}
			}
		}
	}
	if sure := len(s.text) - hold; sure > s.shown {
		piece(string(s.text[s.shown:sure]))
		s.shown = sure
	}
}
