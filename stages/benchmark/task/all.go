package task

// All lists the benchmarks in the order of the documentation.
func All() []Task {
	return []Task{
		MMLU{},
	}
}

// Find is the task of that name.
func Find(name string) (Task, bool) {
	for _, t := range All() {
		if t.Name() == name {
			return t, true
		}
	}
	return nil, false
}
