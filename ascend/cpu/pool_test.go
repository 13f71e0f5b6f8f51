package cpu

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// counting counts how often each part ran and yields now and then, so that threads are held up in the
// middle of handing over.
type counting struct {
	ran   []atomic.Int32
	total atomic.Int64
}

func (c *counting) run(_ *worker, i int) {
	if c.total.Add(1)%7 == 0 {
		runtime.Gosched()
	}
	c.ran[i].Add(1)
}

func TestEveryPartOfEveryJobRunsOnce(t *testing.T) {
	t.Parallel()
	for _, threads := range []int{2, 3, 5} {
		p := newPool(threads, nil)
		// Other goroutines compete for the processors, as the rest of a program does.
		var stop atomic.Bool
		for range 2 {
			go func() {
				for !stop.Load() {
				}
			}()
		}
		for job := range 1500 {
			c := &counting{ran: make([]atomic.Int32, 1+job%6)}
			p.run(c, len(c.ran))
			for i := range c.ran {
				if n := c.ran[i].Load(); n != 1 {
					t.Fatalf("%d threads, job %d of %d parts: part %d ran %d times when run returned", threads, job, len(c.ran), i, n)
				}
			}
			if left := p.left.Load(); left != 0 && left != asleep {
				t.Fatalf("%d threads, job %d: %d helpers left", threads, job, left)
			}
		}
		stop.Store(true)
		p.close()
	}
}
