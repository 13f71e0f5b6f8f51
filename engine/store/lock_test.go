package store

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

func TestOnlyOneHoldsALock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var holders, most, total atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		s := open(t, dir, nil)
		wg.Go(func() {
			for range 25 {
				lock, err := s.Lock(ctx, keyOf("k"), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n > 1 {
					most.Store(n)
				}
				total.Add(1)
				holders.Add(-1)
				lock.Release()
			}
		})
	}
	wg.Wait()
	if most.Load() > 1 || total.Load() != 100 {
		t.Errorf("%d at once, %d in all", most.Load(), total.Load())
	}
}

func TestAHeldLockTellsItsOwner(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	if _, ok := s.Holder(keyOf("k")); ok {
		t.Error("a lock nobody took is held")
	}
	lock, _, err := s.TryLock(keyOf("k"))
	if lock == nil || err != nil {
		t.Fatal(err)
	}
	second, owner, err := s.TryLock(keyOf("k"))
	if second != nil || err != nil || owner.PID != os.Getpid() {
		t.Error(second, owner, err)
	}
	if o, ok := s.Holder(keyOf("k")); !ok || o != owner {
		t.Error(o, ok)
	}
	waiting, cancel := context.WithCancel(ctx)
	_, err = s.Lock(waiting, keyOf("k"), func(o Owner) {
		if o != owner {
			t.Errorf("waiting for %v", o)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	lock.Release()
	if _, ok := s.Holder(keyOf("k")); ok {
		t.Error("still held")
	}
}
