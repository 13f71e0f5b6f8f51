package trainer

import (
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/decoder"
)

// Job is one training run.
type Job struct {
	Model   *decoder.Model
	Meta    convert.Meta // of the checkpoint that the model came from
	Data    Batches
	Hyper   Hyper
	Layout  Layout
	SeqLen  int // most tokens of one sequence
	Work    string
	Events  event.Stage
	Version int // of the stage: a resume point of another version is not used
}

// Batches gives the training samples in the order of training, as Megatron's samplers would.
type Batches interface {
	// Micro is the n samples that follow the first from. The same arguments give the same batch in every
	// run. The slices are good until the next call.
	Micro(from int64, n int) (decoder.Input, error)
	// Describe is one line for the log: what the samples are and how many.
	Describe() string
}

// Result is what a finished run leaves besides the weights.
type Result struct {
	Curve   []Point
	Tokens  int64 // trained on, in this run and those it resumed
	Resumed int   // iterations that an earlier, interrupted run had done

	keep func() error // writes a resume point of the finished run
}
