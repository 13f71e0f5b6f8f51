package cell

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

// Int is an integer.
func Int(v int64) any { return ordjson.Number(strconv.FormatInt(v, 10)) }

// Uint is an integer without sign.
func Uint(v uint64) any { return ordjson.Number(strconv.FormatUint(v, 10)) }

// Float is a float of 32 or 64 bits in its shortest form, with a point or an exponent. JSON has no infinities; they are
// spelled as Python does.
func Float(v float64, bits int) any {
	switch {
	case math.IsNaN(v):
		return ordjson.Number("NaN")
	case math.IsInf(v, 0):
		if v > 0 {
			return ordjson.Number("Infinity")
		}
		return ordjson.Number("-Infinity")
	}
	s := strconv.FormatFloat(v, 'g', -1, bits)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return ordjson.Number(s)
}

// Decimal is unscaled / 10^scale with all its digits.
func Decimal(unscaled *big.Int, scale int) any {
	digits := new(big.Int).Abs(unscaled).String()
	switch {
	case scale < 0:
		if digits != "0" {
			digits += strings.Repeat("0", -scale)
		}
	case scale > 0:
		if n := scale + 1 - len(digits); n > 0 {
			digits = strings.Repeat("0", n) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if unscaled.Sign() < 0 {
		digits = "-" + digits
	}
	return ordjson.Number(digits)
}

// ErrUTF8 is the error of a text that is none.
var ErrUTF8 = errors.New("the text is not UTF-8")

// Text is a text, which must be UTF-8.
func Text(s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, ErrUTF8
	}
	return s, nil
}

// Bytes are a text when they can be one.
func Bytes(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return ordjson.Opaque("binary data")
}

// Date is a day, counted from 1970-01-01.
func Date(days int64) any {
	return time.Unix(0, 0).UTC().AddDate(0, 0, int(days)).Format(time.DateOnly)
}

// Clock is a time of day.
func Clock(n int64, unit time.Duration) any {
	return instant(n, unit).Format("15:04:05.999999999")
}

// Timestamp is a moment counted from 1970-01-01. Those that are not adjusted to UTC have no zone.
func Timestamp(n int64, unit time.Duration, utc bool) any {
	s := instant(n, unit).Format("2006-01-02T15:04:05.999999999")
	if utc {
		s += "Z"
	}
	return s
}

func instant(n int64, unit time.Duration) time.Time {
	per := int64(time.Second / unit)
	sec, rest := n/per, n%per
	return time.Unix(sec, rest*int64(unit)).UTC()
}

// Key is a value as the key of an object.
func Key(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return ordjson.Dump(v)
}
