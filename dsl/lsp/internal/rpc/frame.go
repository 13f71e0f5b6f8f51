package rpc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds on what comes in. A recipe may have 10 MiB, and JSON makes text longer.
const (
	MaxBody   = 64 << 20
	maxHeader = 4 << 10 // of all header lines of a frame
)

// ErrTooLong says that a frame was skipped because of its length.
var ErrTooLong = errors.New("the message is too long")

// FramingError ends a conversation: where the next frame begins is not known.
type FramingError struct{ text string }

func (e *FramingError) Error() string { return "read message: " + e.text }

// Reader reads frames.
type Reader struct {
	r   *bufio.Reader
	max int64
}

// NewReader reads frames of at most limit bytes; 0 is MaxBody.
func NewReader(r io.Reader, limit int64) *Reader {
	if limit == 0 {
		limit = MaxBody
	}
	return &Reader{r: bufio.NewReader(r), max: limit}
}

// Frame is the next body. The error is io.EOF between frames at the end, ErrTooLong for a frame that was skipped, or
// something that ends the conversation.
func (r *Reader) Frame() ([]byte, error) {
	length, err := r.header()
	if err != nil {
		return nil, err
	}
	if length > r.max {
		if _, err := io.CopyN(io.Discard, r.r, length); err != nil {
			return nil, &FramingError{"the message ends early"}
		}
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLong, length, r.max)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r.r, length); err != nil {
		return nil, &FramingError{"the message ends early"}
	}
	return b.Bytes(), nil
}

// header reads the header lines and gives the length of the body.
func (r *Reader) header() (int64, error) {
	length, size := int64(-1), 0
	for first := true; ; first = false {
		line, err := r.line(maxHeader - size)
		if err == io.EOF && first && line == "" {
			return 0, io.EOF
		}
		if err != nil {
			return 0, &FramingError{"the header " + map[bool]string{true: "ends early", false: "is too long"}[err == io.EOF]}
		}
		size += len(line)
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			if length < 0 {
				return 0, &FramingError{"the header has no Content-Length"}
			}
			return length, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return 0, &FramingError{fmt.Sprintf("bad header line %.40q", line)}
		}
		if strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			if length, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil || length < 0 {
				return 0, &FramingError{fmt.Sprintf("bad Content-Length %.40q", strings.TrimSpace(value))}
			}
		}
	}
}

// line reads up to and with a line break, or fails after limit bytes.
func (r *Reader) line(limit int) (string, error) {
	var b strings.Builder
	for b.Len() < limit {
		c, err := r.r.ReadByte()
		if err != nil {
			return b.String(), io.EOF
		}
		b.WriteByte(c)
		if c == '\n' {
			return b.String(), nil
		}
	}
	return b.String(), ErrTooLong
}
