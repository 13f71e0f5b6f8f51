package jinja

import (
	"math"
	"math/big"
	"math/bits"
	"strings"
)

// Bounds on integers: Python prints no integer longer than maxDigits, and none needs to be computed.
const (
	maxDigits = 4300
	maxBits   = 1 << 15
)

// small is an integer in the smallest form.
func small(i *big.Int) any {
	if i.IsInt64() {
		return int(i.Int64())
	}
	return i
}

// asBig is an integer in the large form; nil when it is none.
func asBig(v any) *big.Int {
	switch v := v.(type) {
	case bool:
		if v {
			return big.NewInt(1)
		}
		return new(big.Int)
	case int:
		return big.NewInt(int64(v))
	case *big.Int:
		return v
	}
	return nil
}

// asFloat is a number as a float. An integer beyond the range is an infinity.
func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int:
		return float64(v), true
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return f, true
	case float64:
		return v, true
	}
	return 0, false
}

// asInt is an integer as an int.
func asInt(v any) (int, *Error) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case int:
		return v, nil
	case *big.Int:
		return 0, errorf(OverflowError, "Python int too large to convert to C ssize_t")
	case *undefined:
		return 0, v.err()
	}
	return 0, typeErrorf("'%s' object cannot be interpreted as an integer", typeName(v))
}

func isNumber(v any) bool {
	switch v.(type) {
	case bool, int, *big.Int, float64:
		return true
	}
	return false
}

// arithmetic does +, -, *, /, //, % and ** with two numbers.
func arithmetic(op string, a, b any) (any, *Error) {
	x, okX := plainInt(a)
	y, okY := plainInt(b)
	if okX && okY {
		if v, ok := ints(op, x, y); ok {
			return v, nil
		}
	}
	i, j := asBig(a), asBig(b)
	if i != nil && j != nil && op != "/" {
		return bigInts(op, i, j)
	}
	f, _ := asFloat(a)
	g, _ := asFloat(b)
	return floats(op, f, g)
}

func plainInt(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// ints does what fits in an int.
func ints(op string, x, y int) (any, bool) {
	switch op {
	case "+":
		s := x + y
		return s, (s > x) == (y > 0)
	case "-":
		s := x - y
		return s, (s < x) == (y > 0)
	case "*":
		hi, lo := bits.Mul64(uint64(abs(x)), uint64(abs(y)))
		return x * y, hi == 0 && lo < 1<<62
	case "//":
		if y == 0 || y == -1 {
			return nil, false
		}
		q := x / y
		if x%y != 0 && (x < 0) != (y < 0) {
			q--
		}
		return q, true
	case "%":
		if y == 0 || y == -1 {
			return nil, false
		}
		m := x % y
		if m != 0 && (m < 0) != (y < 0) {
			m += y
		}
		return m, true
	}
	return nil, false
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}

func bigInts(op string, x, y *big.Int) (any, *Error) {
	z := new(big.Int)
	switch op {
	case "+":
		z.Add(x, y)
	case "-":
		z.Sub(x, y)
	case "*":
		z.Mul(x, y)
	case "//", "%":
		if y.Sign() == 0 {
			return nil, errorf(DivisionError, "integer division or modulo by zero")
		}
		q, m := new(big.Int).QuoRem(x, y, new(big.Int))
		if m.Sign() != 0 && (m.Sign() < 0) != (y.Sign() < 0) {
			q.Sub(q, big.NewInt(1))
			m.Add(m, y)
		}
		if z = q; op == "%" {
			z = m
		}
	case "**":
		if y.Sign() < 0 {
			f, _ := asFloat(x)
			g, _ := asFloat(y)
			return floats(op, f, g)
		}
		if x.BitLen() > 1 && (!y.IsInt64() || y.Int64()*int64(x.BitLen()) > maxBits || y.Int64() > maxBits) {
			return nil, errorf(LimitError, "the power has more than %d bits", maxBits)
		}
		switch {
		case x.BitLen() > 1:
			z.Exp(x, y, nil)
		case y.Sign() == 0:
			z.SetInt64(1)
		case y.Bit(0) == 1: // of 0, 1 and -1
			z.Set(x)
		default:
			z.Mul(x, x)
		}
	}
	if z.BitLen() > maxBits {
		return nil, errorf(LimitError, "the number has more than %d bits", maxBits)
	}
	return small(z), nil
}

func floats(op string, f, g float64) (any, *Error) {
	switch op {
	case "+":
		return f + g, nil
	case "-":
		return f - g, nil
	case "*":
		return f * g, nil
	case "/":
		if g == 0 {
			return nil, errorf(DivisionError, "division by zero")
		}
		return f / g, nil
	case "//", "%":
		if g == 0 {
			return nil, errorf(DivisionError, "division by zero")
		}
		m := math.Mod(f, g)
		q := (f - m) / g
		if m != 0 && (m < 0) != (g < 0) {
			m += g
			q--
		}
		if op == "%" {
			if m == 0 {
				m = math.Copysign(0, g)
			}
			return m, nil
		}
		if q == 0 {
			return math.Copysign(0, f/g), nil
		}
		fl := math.Floor(q)
		if q-fl > 0.5 {
			fl++
		}
		return fl, nil
	}
	switch {
	case f == 0 && g < 0:
		return nil, errorf(DivisionError, "0.0 cannot be raised to a negative power")
	case f < 0 && g != math.Trunc(g):
		return nil, errorf(Unsupported, "complex numbers are not supported")
	}
	p := math.Pow(f, g)
	if math.IsInf(p, 0) && !math.IsInf(f, 0) && !math.IsInf(g, 0) {
		return nil, errorf(OverflowError, "(34, 'Numerical result out of range')")
	}
	return p, nil
}

// parseInt is Python's int(text, base); ok is false where that fails.
func parseInt(s string, base int) (any, bool) {
	s = strings.TrimFunc(s, isSpace)
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = s[:1], s[1:]
	}
	if len(s) > 1 && s[0] == '0' {
		own := map[byte]int{'x': 16, 'X': 16, 'o': 8, 'O': 8, 'b': 2, 'B': 2}[s[1]]
		switch {
		case own > 0 && (base == own || base == 0):
			base, s = own, strings.TrimPrefix(s[2:], "_")
		case base == 0 && strings.Trim(s, "0_") != "":
			return nil, false
		}
	}
	if base == 0 {
		base = 10
	}
	if s == "" || len(s) > maxDigits || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") || s[0] == '+' || s[0] == '-' {
		return nil, false
	}
	i, ok := new(big.Int).SetString(sign+strings.ReplaceAll(s, "_", ""), base)
	if !ok {
		return nil, false
	}
	return small(i), true
}
