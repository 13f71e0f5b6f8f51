package idle

import "sync/atomic"

// List holds values that nobody uses. Its zero value is ready; it is safe for concurrent use.
type List[T any] struct {
	slots [32]atomic.Pointer[T]
}

// Take gives a value that was put, or a new zero value.
func (l *List[T]) Take() *T {
	for i := range l.slots {
		if l.slots[i].Load() == nil {
			continue
		}
		if v := l.slots[i].Swap(nil); v != nil {
			return v
		}
	}
	return new(T)
}

// Put keeps v for a later Take, unless the list is full.
func (l *List[T]) Put(v *T) {
	for i := range l.slots {
		if l.slots[i].CompareAndSwap(nil, v) {
			return
		}
	}
}
