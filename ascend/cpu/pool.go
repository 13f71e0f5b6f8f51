package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/belay-ml/belay/ascend/cpu/kernel"
)

// task is an operation cut into parts that may run in any order, at the same time.
type task interface {
	run(w *worker, i int)
}

// worker is what one thread owns: its scratch memory, and how it is woken.
type worker struct {
	k       *kernel.Set
	scratch kernel.Scratch
	// rows holds blocks of attention scores or a block of a row; see the tasks that use them.
	scores, grads, slopes, row []float32

	turn   atomic.Uint32 // grows by one for every job handed to this worker
	parked atomic.Bool
	wake   chan struct{}
}

// pool runs tasks on a fixed set of workers. The caller's own goroutine is worker 0.
type pool struct {
	workers []*worker
	ended   sync.WaitGroup

	job   task
	parts int
	next  atomic.Int64
	// left counts the helpers still inside the job, plus asleep once the caller sleeps. One number holds
	// both, so that a helper which leaves last and is then held up cannot mistake the next job's sleep
	// for this one's.
	left    atomic.Int64
	closing bool
	failed  atomic.Pointer[failure]
	done    chan struct{}
}

const asleep = 1 << 32

// failure carries a panic from a helper to the caller.
type failure struct{ value any }

func newPool(threads int, k *kernel.Set) *pool {
	p := &pool{done: make(chan struct{}, 1)}
	for i := range max(threads, 1) {
		w := &worker{k: k, wake: make(chan struct{}, 1)}
		p.workers = append(p.workers, w)
		if i > 0 {
			p.ended.Add(1)
			go p.serve(w)
		}
	}
	return p
}

// run does parts 0..parts-1 of t and returns when all are done.
func (p *pool) run(t task, parts int) {
	helpers := min(len(p.workers), parts) - 1
	if helpers <= 0 {
		for i := range parts {
			t.run(p.workers[0], i)
		}
		return
	}
	p.job, p.parts = t, parts
	p.next.Store(0)
	p.start(helpers)
	p.take(p.workers[0])
	p.wait()
	p.job = nil
	if f := p.failed.Swap(nil); f != nil {
		panic(f.value)
	}
}

func (p *pool) start(helpers int) {
	p.left.Store(int64(helpers))
	for _, w := range p.workers[1 : 1+helpers] {
		w.turn.Add(1)
		if w.parked.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
}

// take works until no part is left. A panic is kept for the caller: it must not end the process from
// a goroutine that nobody can recover in.
func (p *pool) take(w *worker) {
	defer func() {
		if v := recover(); v != nil {
			p.failed.CompareAndSwap(nil, &failure{v})
			p.next.Store(int64(p.parts))
		}
	}()
	for {
		i := int(p.next.Add(1)) - 1
		if i >= p.parts {
			return
		}
		p.job.run(w, i)
	}
}

// spins is how often a thread looks again before it sleeps, about 50 microseconds: operations of a
// step follow one another faster than a sleeping thread wakes.
const spins = 400

func (p *pool) wait() {
	for i := 0; p.left.Load() != 0; i++ {
		if i < spins {
			relax(i)
			continue
		}
		if p.left.Add(asleep) != asleep {
			<-p.done
		}
		return
	}
}

func (p *pool) serve(w *worker) {
	defer p.ended.Done()
	var seen uint32
	for {
		for i := 0; w.turn.Load() == seen; i++ {
			if i < spins {
				relax(i)
				continue
			}
			w.parked.Store(true)
			if w.turn.Load() != seen && w.parked.CompareAndSwap(true, false) {
				break
			}
			<-w.wake // the call may have been for a job that this worker has done: look again
			i = 0
		}
		seen++
		if p.closing {
			return
		}
		p.take(w)
		if p.left.Add(-1) == asleep {
			p.done <- struct{}{}
		}
	}
}

// relax waits a moment; now and then it lets other goroutines have the thread.
func relax(i int) {
	if i%16 == 15 {
		runtime.Gosched()
		return
	}
	kernel.Pause()
}

// close ends the workers and waits for them.
func (p *pool) close() {
	if p.closing {
		return
	}
	p.closing = true
	p.start(len(p.workers) - 1)
	p.ended.Wait()
}
