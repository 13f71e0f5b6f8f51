package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// question is one multiple-choice item in MMLU's sense.
type question struct {
	text    string
	options [4]string
	answer  int // 0 is A
}

// lettered is the options as every text of the quickstart writes them, a line each.
func (q question) lettered() string {
	var b strings.Builder
	for i, o := range q.options {
		fmt.Fprintf(&b, "\n%c. %s", 'A'+i, o)
	}
	return b.String()
}

// body is the question up to where the answer stands.
func (q question) body() string { return q.text + q.lettered() + "\nAnswer:" }

func (q question) letter() string { return string(rune('A' + q.answer)) }

// id tells questions apart: two with the same text and the same set of options are one question, so
// that a test question is not a training question with its options in another order.
func (q question) id() string {
	o := slices.Clone(q.options[:])
	slices.Sort(o)
	return q.text + "|" + strings.Join(o, "|")
}

// subject draws questions of one kind.
type subject struct {
	name string // file stem in the MMLU layout
	draw func(*random) question
	// ask is a question that an option answers whatever the others are.
	ask  func(option string) string
	quiz [][]string // sets of options that quizzes ask about
}

var subjects = []subject{
	{"capital_city", capitalCity, askCapital, [][]string{{"Belmor", "Castor", "Dunmar", "Estal"}, {"Fenwick", "Galdor", "Halden", "Ilmar"}}},
	{"category_member", categoryMember, askCategory, [][]string{{"fox", "plum", "saw", "bus"}, {"owl", "tin", "coat", "lime"}}},
	{"largest_number", largestNumber, askNumber, [][]string{{"11", "16", "22", "27"}, {"13", "18", "20", "25"}}},
	{"river", river, askRiver, [][]string{{"Sarn", "Tiva", "Ulen", "Varo"}, {"Wend", "Yara", "Zeel", "Arno"}}},
}

// place puts the right answer and three wrong ones in random order.
func place(r *random, text, right string, wrong []string) question {
	q := question{text: text, answer: r.below(4)}
	wrong = choose(r, wrong, 3)
	for i, j := 0, 0; i < 4; i++ {
		if i == q.answer {
			q.options[i] = right
			continue
		}
		q.options[i] = wrong[j]
		j++
	}
	return q
}

func capitalCity(r *random) question {
	l := choose(r, lands, 4)
	return place(r, "What is the capital of "+l[0].name+"?", l[0].capital, []string{l[1].capital, l[2].capital, l[3].capital})
}

func river(r *random) question {
	l := choose(r, lands, 4)
	return place(r, "Which river flows through "+l[0].name+"?", l[0].river, []string{l[1].river, l[2].river, l[3].river})
}

func categoryMember(r *random) question {
	c := choose(r, categories, 4)
	pick := func(i int) string { return c[i].members[r.below(len(c[i].members))] }
	return place(r, "Which of these is "+c[0].name+"?", pick(0), []string{pick(1), pick(2), pick(3)})
}

func largestNumber(r *random) question {
	n := choose(r, span(), 4)
	top := slices.Max(n)
	var wrong []string
	for _, v := range n {
		if v != top {
			wrong = append(wrong, strconv.Itoa(v))
		}
	}
	return place(r, "Which number is the largest?", strconv.Itoa(top), wrong)
}

func span() []int {
	var n []int
	for v := lowest; v <= highest; v++ {
		n = append(n, v)
	}
	return n
}

func askCapital(option string) string {
	i := slices.IndexFunc(lands, func(l land) bool { return l.capital == option })
	return "What is the capital of " + lands[i].name + "?"
}

func askRiver(option string) string {
	i := slices.IndexFunc(lands, func(l land) bool { return l.river == option })
	return "Which river flows through " + lands[i].name + "?"
}

func askCategory(option string) string {
	i := slices.IndexFunc(categories, func(c category) bool { return slices.Contains(c.members, option) })
	return "Which of these is " + categories[i].name + "?"
}

func askNumber(option string) string { return "Which number is " + option + "?" }
