package handler

import (
	"sync"

	"github.com/belay-ml/belay/models/chat"
)

// encoder makes documents. What it needs while it works is kept for the next record.
type encoder struct {
	Options
	idle sync.Pool // of *work
}

// work is the memory of one Encode.
type work struct {
	conversation
	dialogue chat.Dialogue
	ids      []int32
	more     []int32
	labels   chat.Labels
	text     []byte
}

// mask is what samples of up to 65536 ids share; nobody writes to it.
var mask = sync.OnceValue(func() []int32 { return ones(1 << 16) })

func newEncoder(o Options) *encoder {
	e := &encoder{Options: o}
	e.idle.New = func() any { return new(work) }
	return e
}

// Optional is for handlers whose columns are all needed.
func (e *encoder) Optional() []string { return nil }

func (e *encoder) take() *work { return e.idle.Get().(*work) }

// give hands w back; it holds no caller's text then.
func (e *encoder) give(w *work) {
	clear(w.messages)
	w.conversation = conversation{messages: w.messages[:0]}
	e.idle.Put(w)
}

// Mask is n ones, which nobody may write to.
func Mask(n int) []int32 {
	if all := mask(); n <= len(all) {
		return all[:n:n]
	}
	return ones(n)
}

func ones(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = 1
	}
	return out
}
