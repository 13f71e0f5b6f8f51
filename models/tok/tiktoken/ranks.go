package tiktoken

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/belay-ml/belay/models/tok/bytebpe"
)

// maxToken is how many bytes a token may have.
const maxToken = 1 << 12

// Is says whether data begins as a rank file does.
func Is(data []byte) bool {
	line, _, _ := bytes.Cut(data[:min(len(data), 2*maxToken)], []byte("\n"))
	_, _, err := parseLine(bytes.TrimRight(line, "\r"), nil)
	return err == nil
}

// Parse reads a rank file and gives the bytes of each rank; "" where there is none. Every byte is a token.
func Parse(data []byte) ([]string, error) {
	lines := bytes.Count(data, []byte("\n")) + 1
	tokens := make([]string, 0, lines)
	seen := make(map[string]bool, lines)
	var buf []byte
	for n := 1; len(data) > 0; n++ {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		if line = bytes.TrimRight(line, "\r"); len(line) == 0 {
			continue
		}
		token, rank, err := parseLine(line, buf[:0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		buf = token
		if rank > 2*lines+1<<10 {
			return nil, fmt.Errorf("line %d: rank %d is far beyond the %d lines of the file", n, rank, lines)
		}
		for len(tokens) <= rank {
			tokens = append(tokens, "")
		}
		text := string(token)
		if tokens[rank] != "" {
			return nil, fmt.Errorf("line %d: rank %d is there twice", n, rank)
		}
		if seen[text] {
			return nil, fmt.Errorf("line %d: token %q is there twice", n, text)
		}
		seen[text] = true
		tokens[rank] = text
	}
	for b := range 256 {
		if !seen[string([]byte{byte(b)})] {
			return nil, fmt.Errorf("byte %#02x has no rank", b)
		}
	}
	return tokens, nil
}

func parseLine(line, buf []byte) (token []byte, rank int, err error) {
	code, number, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return buf, 0, fmt.Errorf("want a token in base64, a blank and a rank, have %.40q", line)
	}
	if len(code) > base64.StdEncoding.EncodedLen(maxToken) {
		return buf, 0, fmt.Errorf("a token has more than %d bytes", maxToken)
	}
	if token, err = base64.StdEncoding.AppendDecode(buf, code); err != nil {
		return buf, 0, fmt.Errorf("token %.40q: %w", code, err)
	}
	if len(token) == 0 {
		return buf, 0, fmt.Errorf("the token is empty")
	}
	n, err := strconv.ParseUint(string(number), 10, 24)
	if err != nil {
		return buf, 0, fmt.Errorf("rank %.40q is not a number below %d", number, 1<<24)
	}
	return token, int(n), nil
}

// merges finds what merges make the tokens.
func merges(tokens []string) ([]bytebpe.Merge, []uint32) {
	var ids [256]int32
	ranked := make([]bytebpe.Ranked, 0, len(tokens))
	for i, text := range tokens {
		if len(text) == 1 {
			ids[text[0]] = int32(i)
		}
		if text != "" {
			ranked = append(ranked, bytebpe.Ranked{Text: text, ID: int32(i), Rank: uint32(i)})
		}
	}
	return bytebpe.Derive(ranked, func(dst []int32, text string) ([]int32, bool) {
		for i := range len(text) {
			dst = append(dst, ids[text[i]])
		}
		return dst, true
	})
}
