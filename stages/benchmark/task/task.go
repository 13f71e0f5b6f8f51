package task

import "math"

// Dev is the split that few-shot examples come from.
const Dev = "dev"

// Task is one benchmark.
type Task interface {
	Name() string
	Doc() string
	// Load reads the subjects of a split ("test", "val", "dev") below dir, sorted by name.
	Load(dir, split string) ([]Subject, error)
	// Context is the text before the answer: header, shots, question.
	Context(s Subject, shots []Item, item Item) string
	// Turns is the same as a conversation for prompt templates; the last turn is the question.
	Turns(s Subject, shots []Item, item Item) []Turn
	// Extract finds the chosen answer in generated text; -1 when there is none.
	Extract(text string) int
}

// Subject is one file's worth of items with the items its few-shot examples come from.
type Subject struct {
	Name  string
	Items []Item
	Shots []Item
}

// Item is one question.
type Item struct {
	ID       int // position in the file, from 0
	Question string
	Choices  []string
	Gold     int
}

// Turn is a user's or an assistant's part of a conversation.
type Turn struct {
	Assistant bool
	Text      string
}

// Tally counts answers.
type Tally struct {
	Right, Total int
}

// Add counts one answer.
func (t *Tally) Add(right bool) {
	t.Total++
	if right {
		t.Right++
	}
}

// Accuracy is the share of right answers.
func (t Tally) Accuracy() float64 {
	if t.Total == 0 {
		return 0
	}
	return float64(t.Right) / float64(t.Total)
}

// StdErr is the standard error of the accuracy: the sample standard deviation over sqrt(n), as
// lm-evaluation-harness reports it.
func (t Tally) StdErr() float64 {
	if t.Total < 2 {
		return 0
	}
	p := t.Accuracy()
	return math.Sqrt(p * (1 - p) / float64(t.Total-1))
}

// PooledStdErr combines the standard errors of subjects into that of their micro average: pooled
// sample variance over the total, as lm-evaluation-harness does for groups.
func PooledStdErr(tallies []Tally) float64 {
	var ss float64
	n := 0
	for _, t := range tallies {
		se := t.StdErr()
		ss += float64(t.Total-1) * se * se * float64(t.Total)
		n += t.Total
	}
	if n <= len(tallies) {
		return 0
	}
	return math.Sqrt(ss / float64(n-len(tallies)) / float64(n))
}
