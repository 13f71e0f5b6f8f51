package cpu

import (
	"math"

	"github.com/belay-ml/belay/ascend/tensor"
)

// expBlock is how many exponentials are summed in float32 before the sum goes to float64.
const expBlock = 512

// lossJob does cross entropy, or gathers log probabilities when greedy is set.
type lossJob struct {
	grid
	logits mat
	ids    []int32
	out    []float32
	greedy []bool
	scale  float32
	grad   bool
}

func (j *lossJob) run(w *worker, i int) {
	r0, r1, _, _ := j.part(i)
	for r := r0; r < r1; r++ {
		row, id := j.logits.row(r), int(j.ids[r])
		if id < 0 {
			j.out[r] = 0
			if j.grad {
				clear(row)
			}
			continue
		}
		most, target := w.k.Max(row), row[id]
		sum := w.expSum(row, most, j.grad)
		logp := float64(target) - float64(most) - math.Log(sum)
		if j.greedy != nil {
			j.out[r] = float32(logp)
			j.greedy[r] = target == most && firstIndex(row, most) == id
			continue
		}
		j.out[r] = float32(-logp)
		if j.grad {
			w.k.Scale(row, float32(float64(j.scale)/sum))
			// scale*(p-1) without the cancellation of subtracting the scale from a rounded scale*p.
			row[id] = float32(float64(j.scale) * math.Expm1(logp))
		}
	}
}

// expSum is the sum of e^(x-most); with keep the exponentials replace the row.
func (w *worker) expSum(row []float32, most float32, keep bool) float64 {
	w.row = grow(w.row, expBlock)
	var sum float64
	for c := 0; c < len(row); c += expBlock {
		part := row[c:min(c+expBlock, len(row))]
		dst := part
		if !keep {
			dst = w.row[:len(part)]
		}
		sum += float64(w.k.Exp(dst, part, most))
	}
	return sum
}

func firstIndex(row []float32, v float32) int {
	for i, x := range row {
		if x == v {
			return i
		}
	}
	return -1
}

// CrossEntropy writes each row's loss and, when grad is set, the gradient over the logits.
func (b *Backend) CrossEntropy(loss []float32, logits tensor.Tensor, targets []int32, scale float32, grad bool) {
	wantLen("cross entropy", "loss", len(loss), logits.Rows)
	wantLen("cross entropy", "targets", len(targets), logits.Rows)
	wantIDs("cross entropy", targets, math.MinInt32, logits.Cols)
	j := &b.loss
	*j = lossJob{grid: byRows(logits.Rows, logits.Cols), logits: open(logits), ids: targets, out: loss, scale: scale, grad: grad}
	b.pool.run(j, j.parts())
}

// LogProbs gathers the log probability of ids[i] in row i and says whether it is the row's first maximum.
func (b *Backend) LogProbs(out []float32, greedy []bool, logits tensor.Tensor, ids []int32) {
	wantLen("log probs", "out", len(out), logits.Rows)
	wantLen("log probs", "greedy", len(greedy), logits.Rows)
	wantLen("log probs", "ids", len(ids), logits.Rows)
	wantIDs("log probs", ids, 0, logits.Cols)
	j := &b.loss
	*j = lossJob{grid: byRows(logits.Rows, logits.Cols), logits: open(logits), ids: ids, out: out, greedy: greedy}
	b.pool.run(j, j.parts())
}
