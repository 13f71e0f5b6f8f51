package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
)

// The sizes of the exam repository: small enough to commit, large enough to learn from once.
const (
	textDocuments = 6000
	tunedRecords  = 10000
	testQuestions = 40 // a subject
	devQuestions  = 5  // a subject
)

// exam writes the data repository: text to pretrain on, Alpaca records to tune on, and questions in
// MMLU's layout, none of which stands in the other two.
func exam(put func(name string, data []byte)) (texts []string, err error) {
	r := &random{state: 20240726}
	held := map[string]bool{}
	for _, s := range subjects {
		for _, split := range []struct {
			name  string
			count int
		}{{"dev", devQuestions}, {"test", testQuestions}} {
			rows := make([][]string, 0, split.count)
			for len(rows) < split.count {
				q := fresh(r, s, held)
				held[q.id()] = true
				rows = append(rows, []string{q.text, q.options[0], q.options[1], q.options[2], q.options[3], q.letter()})
			}
			data, err := csvRows(rows)
			if err != nil {
				return nil, err
			}
			put("mmlu/"+split.name+"/"+s.name+"_"+split.name+".csv", data)
		}
	}
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	for range textDocuments {
		d := document(r, held)
		texts = append(texts, d)
		if err := lines.Encode(map[string]string{"text": d}); err != nil {
			return nil, err
		}
	}
	put("text/train.jsonl", text.Bytes())

	var alpaca bytes.Buffer
	records := json.NewEncoder(&alpaca)
	type record struct {
		Instruction string `json:"instruction"`
		Input       string `json:"input"`
		Output      string `json:"output"`
	}
	for i := range tunedRecords {
		q := fresh(r, subjects[i%len(subjects)], held)
		texts = append(texts, "Human: "+q.body()+"\nAssistant: "+q.letter()) // so that the vocabulary knows the prompt
		if err := records.Encode(record{Instruction: q.body(), Output: q.letter()}); err != nil {
			return nil, err
		}
	}
	put("alpaca/train.jsonl", alpaca.Bytes())
	put("README.md", []byte(examCard))
	return texts, nil
}

func csvRows(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

const examCard = `# exam

Made-up multiple-choice questions that a model of a million parameters can learn on a laptop: which number is
the largest, which word is of a kind, what is the capital of an invented country, which river flows through it.

- text/train.jsonl: documents to pretrain on (facts, orders, worked questions)
- alpaca/train.jsonl: the same kinds of questions as Alpaca records
- mmlu/{dev,test}: held-out questions in MMLU's CSV layout; none of them stands in the other two
`
