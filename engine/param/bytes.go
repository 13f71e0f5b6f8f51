package param

import (
	"fmt"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
)

// Bytes reads a size as people write it: 8GiB (of 1024), 500MB (of 1000), or a plain number of bytes. Sizes of 8 EiB and
// more are refused, for they are mistakes and do not fit.
func Bytes(text string) (int64, error) {
	n, err := humanize.ParseBytes(strings.TrimSpace(text))
	if err != nil || text == "" || n > math.MaxInt64 {
		return 0, fmt.Errorf("want a size such as 500MB or 8GiB, have %q", text)
	}
	return int64(n), nil
}
