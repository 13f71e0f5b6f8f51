package event

// Tee gives every event to each sink in turn; nil sinks are left out.
func Tee(sinks ...Sink) Sink {
	var all tee
	for _, s := range sinks {
		if s != nil {
			all = append(all, s)
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

type tee []Sink

func (t tee) Emit(e Event) {
	for _, s := range t {
		s.Emit(e)
	}
}
