// Command encode times the encoding of texts, one a line as a JSON string, by one tokenizer in one goroutine.
//
//	encode DIR LINES PASSES -> {"seconds": [...], "ids": n, "bytes": n} on standard output
//
// Seconds are CPU time of the process (user and system) per pass, for machines that are shared; the first pass meets
// cold caches. The opening of the tokenizer and the reading of the texts are not timed.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/models/tok/open"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "encode:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("want DIR LINES PASSES")
	}
	t, err := open.Dir(args[0])
	if err != nil {
		return err
	}
	data, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	passes, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	var texts []string
	size := 0
	for line := range strings.Lines(string(data)) {
		var text string
		if err := json.Unmarshal([]byte(line), &text); err != nil {
			return err
		}
		texts = append(texts, text)
		size += len(text)
	}
	out := struct {
		Seconds []float64 `json:"seconds"`
		IDs     int       `json:"ids"`
		Bytes   int       `json:"bytes"`
		Sum     uint64    `json:"sum"` // of the ids, to compare with the peers
	}{Bytes: size}
	var ids []int32
	for range passes {
		out.IDs, out.Sum = 0, 0
		start := cpu()
		for _, text := range texts {
			ids = t.Encode(ids[:0], text, false)
			out.IDs += len(ids)
			for _, id := range ids {
				out.Sum += uint64(id)
			}
		}
		out.Seconds = append(out.Seconds, (cpu() - start).Seconds())
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func cpu() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
