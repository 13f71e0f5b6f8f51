package chat

import "errors"

// Labels are the labels of a sequence of ids, not shifted, in runs: nearly always they are the ids themselves, or Ignored, for
// long stretches. A run is one number, twice its length and one more where the ids are learned; a label that is something
// else is ownLabel and the label. Neighbouring runs of one kind are one.
type Labels []int32

const ownLabel = -1

// Ignore goes on with n ids that are not learned.
func (l Labels) Ignore(n int) Labels { return l.run(n, 0) }

// Learn goes on with n ids that are learned.
func (l Labels) Learn(n int) Labels { return l.run(n, 1) }

// Own goes on with an id that has a label of its own.
func (l Labels) Own(label int32) Labels { return append(l, ownLabel, label) }

func (l Labels) run(n int, kind int32) Labels {
	if n == 0 {
		return l
	}
	if last := len(l) - 1; last >= 0 && l[last] >= 0 && l[last]&1 == kind && (last == 0 || l[last-1] != ownLabel) {
		l[last] += int32(n) << 1
		return l
	}
	return append(l, int32(n)<<1|kind)
}

// labelRun is a run taken apart.
type labelRun struct {
	n       int
	learned bool
	own     bool // label is that of the one id
	label   int32
}

// next is the first run, and those behind it.
func (l Labels) next() (labelRun, Labels) {
	switch {
	case l[0] != ownLabel:
		return labelRun{n: int(l[0] >> 1), learned: l[0]&1 == 1}, l[1:]
	case len(l) == 1: // damaged
		return labelRun{n: -1}, nil
	}
	return labelRun{n: 1, learned: l[1] != Ignored, own: true, label: l[1]}, l[2:]
}

// Learned is how many of the ids are learned.
func (l Labels) Learned() int {
	sum := 0
	for len(l) > 0 {
		var r labelRun
		if r, l = l.next(); r.learned {
			sum += r.n
		}
	}
	return sum
}

// Cut are the labels of the first n ids. What is left of a run that is cut is written over it.
func (l Labels) Cut(n int) Labels {
	for rest := l; len(rest) > 0; {
		at := len(l) - len(rest)
		r, behind := rest.next()
		switch {
		case n == 0:
			return l[:at]
		case r.n > n:
			l[at] -= int32(r.n-n) << 1
			return l[:at+1]
		}
		n, rest = n-r.n, behind
	}
	return l
}

// Apply turns ids into their labels. Labels of another number of ids are an error.
func (l Labels) Apply(ids []int32) error {
	for len(l) > 0 {
		var r labelRun
		if r, l = l.next(); r.n < 0 || r.n > len(ids) {
			return errors.New("the labels are not those of the ids")
		}
		switch {
		case r.own:
			ids[0] = r.label
		case !r.learned:
			for i := range ids[:r.n] {
				ids[i] = Ignored
			}
		}
		ids = ids[r.n:]
	}
	if len(ids) > 0 {
		return errors.New("the labels are not those of the ids")
	}
	return nil
}
