package idle

import "sync"

// List holds values that nobody uses. Its zero value is ready; it is safe for concurrent use.
type List[T any] struct{ pool sync.Pool }

// Take gives a value that was put, on the same processor if possible, or a new zero value.
func (l *List[T]) Take() *T {
	if v, ok := l.pool.Get().(*T); ok {
		return v
	}
	return new(T)
}

// Put keeps v for a later Take, unless none comes for long.
func (l *List[T]) Put(v *T) { l.pool.Put(v) }
