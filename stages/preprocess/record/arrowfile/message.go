package arrowfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	flatbuffers "github.com/google/flatbuffers/go"
)

// messages cuts the stream into messages and looks at their descriptions before the library does, which believes the
// lengths that stand in them.
type messages struct {
	in   io.Reader
	size int64 // of the file, 0 when not known
}

// continuation stands before the length of a description since version 0.15 of the format.
const continuation = 0xffffffff

func (m *messages) Retain()  {}
func (m *messages) Release() {}

// Message reads the next message; io.EOF ends the stream.
func (m *messages) Message() (*ipc.Message, error) {
	var word [4]byte
	if _, err := io.ReadFull(m.in, word[:]); err != nil {
		return nil, err // a stream may just end here
	}
	n := binary.LittleEndian.Uint32(word[:])
	if n == continuation {
		if _, err := io.ReadFull(m.in, word[:]); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		n = binary.LittleEndian.Uint32(word[:])
	}
	if n == 0 {
		return nil, io.EOF
	}
	if n > maxMeta {
		return nil, fmt.Errorf("damaged: a description of %d bytes", n)
	}
	meta, err := m.bytes(int64(n))
	if err != nil {
		return nil, err
	}
	body, err := describe(meta)
	if err != nil {
		return nil, err
	}
	data, err := m.bytes(body)
	if err != nil {
		return nil, err
	}
	return ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(data)), nil
}

// bytes reads n bytes. Where it is not known whether there are so many, memory follows what comes.
func (m *messages) bytes(n int64) ([]byte, error) {
	if m.size > 0 && n > m.size || n > maxBatch {
		return nil, fmt.Errorf("damaged: a message of %d bytes in a file of %d", n, m.size)
	}
	if m.size > 0 || n <= 1<<16 {
		out := make([]byte, n)
		if _, err := io.ReadFull(m.in, out); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		return out, nil
	}
	var out bytes.Buffer
	if _, err := io.CopyN(&out, m.in, n); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return out.Bytes(), nil
}

// The places of fields in the tables of a description, as the format's Message.fbs and Schema.fbs number them.
const (
	messageHeaderType, messageHeader, messageBody = 6, 8, 10
	headerSchema, headerDictionary, headerBatch   = 1, 2, 3
	schemaFields, schemaMetadata                  = 6, 8
	fieldChildren, fieldMetadata                  = 14, 16
	batchRows, batchNodes, batchBuffers           = 4, 6, 8
	batchVariadic                                 = 12
	dictionaryData                                = 6
	structBytes                                   = 16 // of a node and of a buffer
)

const (
	maxFields = 10_000
	maxRows   = 64 << 20
)

// describe checks the lengths in a description and gives the length of the body. What points outside of it panics, which
// Message turns into an error.
func describe(meta []byte) (body int64, err error) {
	defer recovered(&err)
	m := flatbuffers.Table{Bytes: meta, Pos: flatbuffers.GetUOffsetT(meta)}
	body = m.GetInt64Slot(messageBody, 0)
	if body < 0 {
		return 0, fmt.Errorf("damaged: a body of %d bytes", body)
	}
	header, ok := inner(m, messageHeader)
	if !ok {
		return 0, errors.New("damaged: a message without a header")
	}
	switch m.GetByteSlot(messageHeaderType, 0) {
	case headerSchema:
		if err := vector(header, schemaMetadata, 4); err != nil {
			return 0, err
		}
		left := maxFields
		return body, fields(header, schemaFields, &left, 0)
	case headerDictionary:
		data, ok := inner(header, dictionaryData)
		if !ok {
			return 0, errors.New("damaged: a dictionary without data")
		}
		return body, batch(data)
	case headerBatch:
		return body, batch(header)
	}
	return body, nil
}

func batch(t flatbuffers.Table) error {
	if n := t.GetInt64Slot(batchRows, 0); n < 0 || n > maxRows {
		return fmt.Errorf("damaged: a batch of %d rows", n)
	}
	for slot, size := range map[flatbuffers.VOffsetT]int{batchNodes: structBytes, batchBuffers: structBytes, batchVariadic: 8} {
		if err := vector(t, slot, size); err != nil {
			return err
		}
	}
	at, n := list(t, batchNodes)
	for i := range n {
		if rows := t.GetInt64(at + flatbuffers.UOffsetT(i*structBytes)); rows < 0 || rows > maxRows {
			return fmt.Errorf("damaged: a column of %d rows", rows)
		}
	}
	at, n = list(t, batchVariadic)
	for i := range n {
		if buffers := t.GetInt64(at + flatbuffers.UOffsetT(i*8)); buffers < 0 || buffers > int64(len(t.Bytes)) {
			return fmt.Errorf("damaged: a column of %d buffers", buffers)
		}
	}
	return nil
}

// fields looks at the columns of a schema, or below a column.
func fields(t flatbuffers.Table, slot flatbuffers.VOffsetT, left *int, depth int) error {
	if err := vector(t, slot, 4); err != nil {
		return err
	}
	at, n := list(t, slot)
	if *left -= n; *left < 0 || depth > maxDepth {
		return fmt.Errorf("more than %d columns, or nested more than %d deep", maxFields, maxDepth)
	}
	for i := range n {
		f := flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at + flatbuffers.UOffsetT(i*4))}
		if err := vector(f, fieldMetadata, 4); err != nil {
			return err
		}
		if err := fields(f, fieldChildren, left, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// inner is the table in a field of another.
func inner(t flatbuffers.Table, slot flatbuffers.VOffsetT) (flatbuffers.Table, bool) {
	o := t.Offset(slot)
	if o == 0 {
		return t, false
	}
	return flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(t.Pos + flatbuffers.UOffsetT(o))}, true
}

// list is where the items of a field's vector begin, and how many they are.
func list(t flatbuffers.Table, slot flatbuffers.VOffsetT) (at flatbuffers.UOffsetT, n int) {
	o := flatbuffers.UOffsetT(t.Offset(slot))
	if o == 0 {
		return 0, 0
	}
	return t.Vector(o), t.VectorLen(o)
}

// vector checks that the items of a vector can be in the description.
func vector(t flatbuffers.Table, slot flatbuffers.VOffsetT, size int) error {
	at, n := list(t, slot)
	if n < 0 || int64(at)+int64(n)*int64(size) > int64(len(t.Bytes)) {
		return fmt.Errorf("damaged: a list of %d in a description of %d bytes", n, len(t.Bytes))
	}
	return nil
}
