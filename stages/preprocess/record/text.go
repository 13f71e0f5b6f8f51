package record

import "bytes"

// textReader makes a record of every line, empty ones included. Line ends are \n, \r\n and \r alone,
// as in the reference (Python's universal newlines).
type textReader struct{ l *textLines }

type textLines struct {
	*lines
	rest  [][]byte
	count int64
}

func newTextReader(l *lines) textReader { return textReader{&textLines{lines: l}} }

func (r textReader) Next() (Raw, error) {
	l := r.l
	if len(l.rest) == 0 {
		line, err := l.next()
		if err != nil {
			return Raw{}, err
		}
		l.rest = bytes.Split(bytes.TrimSuffix(line, []byte("\r")), []byte("\r"))
	}
	line := l.rest[0]
	l.rest = l.rest[1:]
	l.count++
	place := Place{File: l.name, Line: l.count}
	if err := notUTF8(place, line); err != nil {
		return Raw{}, err
	}
	return Raw{Place: place, Text: string(line)}, nil
}
