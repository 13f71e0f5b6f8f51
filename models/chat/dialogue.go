package chat

import "fmt"

// Ignored is the label of an id that is read and not learned.
const Ignored = -100

// Dialogue is an encoded conversation. It may be used again: Encode starts anew and keeps the memory.
type Dialogue struct {
	IDs    []int32
	Rounds []Round // in order; an end of text may follow the last (Template.EfficientEOS)
	Cut    bool    // something did not fit

	text     []byte // of the slot that is being filled
	messages []int  // where each message's ids end
}

// Round is the number of ids that the model reads and that it answers.
type Round struct{ Source, Target int }

// Learn says which ids become labels.
type Learn uint8

const (
	Answers    Learn = iota // every answer
	LastAnswer              // the last one
	Everything              // answers and prompts
)

// AppendLabels appends the labels of d to dst. Where a template leaves the end of text out after answers, the id that follows
// a learned answer is labelled with it.
func (b *Bound) AppendLabels(dst Labels, d *Dialogue, learn Learn) Labels {
	if learn == Everything {
		return dst.Learn(len(d.IDs))
	}
	at := 0
	for i, r := range d.Rounds {
		source := r.Source
		if i > 0 && at > 0 && source > 0 && learn == Answers && b.t.EfficientEOS {
			dst = dst.Own(b.eos)
			source--
		}
		dst = dst.Ignore(source)
		if learn == Answers || i == len(d.Rounds)-1 {
			dst = dst.Learn(r.Target)
		} else {
			dst = dst.Ignore(r.Target)
		}
		at += r.Source + r.Target
	}
	return dst.Learn(len(d.IDs) - at)
}

// compatCut is the reference's limit on the ids of a conversation.
const compatCut = 1_000_000

// Fit leaves at most limit ids. A round that does not fit keeps a share of its answer, at least one
// id, and of its question what then has room (LLaMA-Factory's cutoff_len); rounds for which no id is
// left are gone. lastFirst gives the room to the last rounds instead of the first.
func (d *Dialogue) Fit(limit int, lastFirst bool) error {
	starts := make([]int, len(d.Rounds))
	at := 0
	for i, r := range d.Rounds {
		starts[i] = at
		at += r.Source + r.Target
	}
	kept := make([]Round, len(d.Rounds))
	rest := limit
	for n := range d.Rounds {
		i := n
		if lastFirst {
			i = len(d.Rounds) - 1 - n
		}
		if rest <= 0 {
			break
		}
		s, t := d.Rounds[i].Source, d.Rounds[i].Target
		if s+t == 0 {
			return fmt.Errorf("round %d: neither question nor answer has ids", i)
		}
		target := t
		if s+t > rest {
			target = min(t, max(int(float64(rest)*(float64(t)/float64(s+t))), 1))
		}
		kept[i] = Round{min(s, rest-target), target}
		rest -= kept[i].Source + kept[i].Target
	}
	ids, rounds := d.IDs[:0], d.Rounds[:0]
	for i, k := range kept {
		if k == (Round{}) {
			continue
		}
		answer := starts[i] + d.Rounds[i].Source
		ids = append(ids, d.IDs[starts[i]:starts[i]+k.Source]...)
		ids = append(ids, d.IDs[answer:answer+k.Target]...)
	}
	for _, k := range kept {
		if k != (Round{}) {
			rounds = append(rounds, k)
		}
	}
	d.IDs, d.Rounds, d.Cut = ids, rounds, true
	return nil
}
