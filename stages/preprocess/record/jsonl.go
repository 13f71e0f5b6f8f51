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
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return Raw{Place: Place{File: r.name, Line: r.line}, JSON: line, of: r.of.hold()}, nil
		}
	}
}
