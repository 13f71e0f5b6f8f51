package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Shares of the pretraining text, of 100 documents.
const (
	shareFacts   = 30
	shareQuizzes = 50 // the rest are worked questions
)

// document draws one document of the pretraining text. held are the questions of the test, which no
// text may hold.
func document(r *random, held map[string]bool) string {
	switch d := r.below(100); {
	case d < shareFacts:
		return facts(r)
	case d < shareFacts+shareQuizzes:
		return quiz(r)
	}
	q := fresh(r, subjects[r.below(len(subjects))], held)
	return q.body() + " " + q.letter()
}

// fresh draws a question that is not held out for the test.
func fresh(r *random, s subject, held map[string]bool) question {
	for {
		if q := s.draw(r); !held[q.id()] {
			return q
		}
	}
}

// facts states what some of the questions ask for.
func facts(r *random) string {
	var lines []string
	switch r.below(4) {
	case 0:
		for _, l := range choose(r, lands, 5) {
			lines = append(lines, fmt.Sprintf("The capital of %s is %s.", l.name, l.capital))
		}
	case 1:
		for _, l := range choose(r, lands, 5) {
			lines = append(lines, fmt.Sprintf("The river %s flows through %s.", l.river, l.name))
		}
	case 2:
		for _, c := range choose(r, categories, 3) {
			m := choose(r, c.members, 4)
			lines = append(lines, fmt.Sprintf("%s, %s, %s and %s: each is %s.", m[0], m[1], m[2], m[3], c.name))
		}
	default:
		n := choose(r, span(), 6)
		slices.Sort(n)
		var words []string
		for _, v := range n {
			words = append(words, strconv.Itoa(v))
		}
		lines = append(lines, "From small to large: "+strings.Join(words, " "), "The largest is "+words[len(words)-1]+".")
	}
	return strings.Join(lines, "\n")
}

// quiz asks about one of a few fixed sets of options, in any order. Little besides the order and the
// letters is left to chance, which is what teaches to read a lettered list so soon.
func quiz(r *random) string {
	subject := subjects[r.below(len(subjects))]
	options := choose(r, subject.quiz[r.below(len(subject.quiz))], 4)
	var b strings.Builder
	b.WriteString(strings.TrimPrefix(question{options: [4]string(options)}.lettered(), "\n"))
	for range 6 {
		k := r.below(4)
		fmt.Fprintf(&b, "\n%s Answer: %c", subject.ask(options[k]), 'A'+k)
	}
	return b.String()
}
