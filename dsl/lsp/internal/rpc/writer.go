package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Writer writes messages. Its methods may be called from several goroutines.
type Writer struct {
	mu   sync.Mutex
	w    io.Writer
	next int
}

// NewWriter writes messages to w, each in one call of Write.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Answer answers a request. A nil result is null.
func (w *Writer) Answer(id ID, result any) error {
	return w.send(map[string]any{"id": json.RawMessage(id), "result": result})
}

// Fail answers a request with a failure; an empty id is null.
func (w *Writer) Fail(id ID, e *Error) error {
	if id == "" {
		id = "null"
	}
	return w.send(map[string]any{"id": json.RawMessage(id), "error": e})
}

// Notify tells the other side something.
func (w *Writer) Notify(method string, params any) error {
	return w.send(map[string]any{"method": method, "params": params})
}

// Call asks the other side for something; the answer is not waited for.
func (w *Writer) Call(method string, params any) error {
	w.mu.Lock()
	w.next++
	id := fmt.Sprintf("belay-%d", w.next)
	w.mu.Unlock()
	return w.send(map[string]any{"id": id, "method": method, "params": params})
}

func (w *Writer) send(m map[string]any) error {
	m["jsonrpc"] = "2.0"
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	text := bytes.TrimSuffix(body.Bytes(), []byte("\n"))
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.w.Write(append(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", len(text)), text...)); err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	return nil
}
