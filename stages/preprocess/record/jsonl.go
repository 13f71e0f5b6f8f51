package record

import "bytes"

// jsonlReader reads one JSON object a line; blank lines are passed over.
type jsonlReader struct{ *lines }

func (r jsonlReader) Next() (Raw, error) {
	for {
		line, err := r.next()
		if err != nil {
			return Raw{}, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		place := Place{File: r.name, Line: r.line}
		if err := notUTF8(place, line); err != nil {
			return Raw{}, err
		}
		return Raw{Place: place, JSON: line}, nil
	}
}
