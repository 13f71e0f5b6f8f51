package chat

// Ignored is the label of an id that is read and not learned.
const Ignored = -100

// Flatten joins rounds to the ids of a training sample and their labels, not shifted.
func (b *Bound) Flatten(turns []Turn) (ids, labels []int32) {
	n := 1
	for _, t := range turns {
		n += len(t.Source) + len(t.Target)
	}
	ids, labels = make([]int32, 0, n), make([]int32, 0, n)
	for round, t := range turns {
		for i := range t.Source {
			if i == 0 && round > 0 && len(ids) > 0 && b.t.EfficientEOS {
				labels = append(labels, b.eos)
				continue
			}
			labels = append(labels, Ignored)
		}
		labels = append(labels, t.Target...)
		ids = append(append(ids, t.Source...), t.Target...)
	}
	if b.t.EfficientEOS {
		ids, labels = append(ids, b.eos), append(labels, b.eos)
	}
	return ids, labels
}

// Last joins rounds as Flatten does, with the labels of the last answer alone.
func (b *Bound) Last(turns []Turn) (ids, labels []int32) {
	ids, labels = JoinLast(turns, len(turns)-1)
	if b.t.EfficientEOS {
		ids, labels = append(ids, b.eos), append(labels, b.eos)
	}
	return ids, labels
}

// JoinLast joins rounds; the labels are those of one of the answers.
func JoinLast(turns []Turn, last int) (ids, labels []int32) {
	for i, t := range turns {
		ids = append(append(ids, t.Source...), t.Target...)
		for len(labels) < len(ids) {
			labels = append(labels, Ignored)
		}
		if i == last {
			copy(labels[len(labels)-len(t.Target):], t.Target)
		}
	}
	return ids, labels
}
