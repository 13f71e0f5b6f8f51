package corpus

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseSplit reads a split such as "949,50,1" and gives the cumulative bounds of train, valid and
// test, from 0 to 1. Any text between the numbers separates them, as in the reference.
func ParseSplit(text string) ([4]float64, error) {
	fields := strings.FieldsFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	return cumulate(text, fields)
}

func cumulate(text string, fields []string) (bounds [4]float64, err error) {
	if len(fields) == 0 || len(fields) > 3 {
		return bounds, fmt.Errorf("split %q: want one to three numbers, as in 949,50,1", text)
	}
	var share [3]float64
	sum := 0.0
	for i, f := range fields {
		share[i], err = strconv.ParseFloat(f, 64)
		if err != nil || share[i] < 0 || math.IsInf(share[i], 0) || math.IsNaN(share[i]) {
			return bounds, fmt.Errorf("split %q: %q is not a share", text, f)
		}
		sum += share[i]
	}
	if sum <= 0 || math.IsInf(sum, 0) {
		return bounds, fmt.Errorf("split %q: the shares sum to %g", text, sum)
	}
	for i, s := range share {
		bounds[i+1] = bounds[i] + s/sum
	}
	return bounds, nil
}

// countSplit is the fine-tuning reader's rule: every share is rounded by itself, and what that makes
// too many is taken from all bounds but the first.
func countSplit(text string, total int) (bounds [4]int, err error) {
	sep := ","
	if !strings.Contains(text, sep) {
		sep = "/"
	}
	fields := strings.Split(text, sep)
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	if len(fields) > 3 {
		fields = fields[:3]
	}
	shares, err := cumulate(text, fields)
	if err != nil {
		return bounds, err
	}
	for i := range 3 {
		bounds[i+1] = bounds[i] + int(math.RoundToEven((shares[i+1]-shares[i])*float64(total)))
	}
	diff := bounds[3] - total
	for i := 1; i < 4; i++ {
		bounds[i] -= diff
	}
	for i := range 3 {
		if bounds[i] > bounds[i+1] {
			bounds[i+1] = bounds[i]
		}
	}
	return bounds, nil
}
