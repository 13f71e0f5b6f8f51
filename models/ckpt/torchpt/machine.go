package torchpt

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Limits of a pickle. A checkpoint with a hundred thousand tensors takes about 20 MB.
const (
	maxPickle  = 256 << 20
	maxObjects = 1 << 24 // values of all kinds
	maxDecimal = 4096    // digits of an integer written as text
)

// machine runs one pickle. It is a stack of values, marks into it, and numbered memories.
type machine struct {
	data    []byte
	at      int
	opStart int
	stack   []any
	marks   []int
	memo    map[uint64]any
	made    int

	persistent func(id any) (any, error)
}

// mistake wraps a cause with the byte of the operation that failed.
func (m *machine) mistake(err error) error {
	op := byte('?')
	if m.opStart < len(m.data) {
		op = m.data[m.opStart]
	}
	return fmt.Errorf("pickle byte %d (operation %q): %w", m.opStart, op, err)
}

// unpickle builds the value of the pickle at the start of data and says how long the pickle is.
func unpickle(data []byte, persistent func(id any) (any, error)) (val any, used int, err error) {
	if len(data) > maxPickle {
		data = data[:maxPickle]
	}
	m := &machine{data: data, memo: map[uint64]any{}, persistent: persistent}
	for {
		m.opStart = m.at
		done, err := m.step()
		if err != nil {
			return nil, 0, m.mistake(err)
		}
		if done {
			v, err := m.pop()
			if err != nil {
				return nil, 0, m.mistake(err)
			}
			return v, m.at, nil
		}
	}
}

func (m *machine) take(n int) ([]byte, error) {
	if n < 0 || n > len(m.data)-m.at {
		return nil, fmt.Errorf("needs %d bytes, %d are left", n, len(m.data)-m.at)
	}
	b := m.data[m.at : m.at+n]
	m.at += n
	return b, nil
}

// number reads an n-byte little-endian unsigned integer.
func (m *machine) number(n int) (uint64, error) {
	b, err := m.take(n)
	if err != nil {
		return 0, err
	}
	var buf [8]byte
	copy(buf[:], b)
	return binary.LittleEndian.Uint64(buf[:]), nil
}

// counted reads an n-byte length and that many bytes.
func (m *machine) counted(n int) ([]byte, error) {
	size, err := m.number(n)
	if err != nil {
		return nil, err
	}
	if size > uint64(len(m.data)) {
		return nil, fmt.Errorf("length %d is beyond the pickle", size)
	}
	return m.take(int(size))
}

func (m *machine) line() (string, error) {
	for i := m.at; i < len(m.data); i++ {
		if m.data[i] == '\n' {
			s := string(m.data[m.at:i])
			m.at = i + 1
			return s, nil
		}
	}
	return "", fmt.Errorf("line without an end")
}

func (m *machine) push(v any) error {
	if m.made++; m.made > maxObjects {
		return fmt.Errorf("more than %d values", maxObjects)
	}
	m.stack = append(m.stack, v)
	return nil
}

// floor is the lowest stack position that pops may reach: the topmost mark.
func (m *machine) floor() int {
	if n := len(m.marks); n > 0 {
		return m.marks[n-1]
	}
	return 0
}

func (m *machine) pop() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, fmt.Errorf("stack is empty")
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v, nil
}

func (m *machine) top() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, fmt.Errorf("stack is empty")
	}
	return m.stack[len(m.stack)-1], nil
}

// popMark takes everything above the topmost mark.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, fmt.Errorf("no mark")
	}
	from := m.floor()
	m.marks = m.marks[:len(m.marks)-1]
	out := append([]any(nil), m.stack[from:]...)
	m.stack = m.stack[:from]
	return out, nil
}

func (m *machine) tuple(n int) error {
	if len(m.stack)-m.floor() < n {
		return fmt.Errorf("stack has fewer than %d values", n)
	}
	from := len(m.stack) - n
	t := Tuple(append([]any(nil), m.stack[from:]...))
	m.stack = m.stack[:from]
	return m.push(t)
}

func (m *machine) put(key uint64) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	m.memo[key] = v
	return nil
}

func (m *machine) recall(key uint64) error {
	v, ok := m.memo[key]
	if !ok {
		return fmt.Errorf("memory %d was never set", key)
	}
	return m.push(v)
}

// step runs one operation. The codes are those of Python's pickletools, protocols 0 to 5.
func (m *machine) step() (done bool, err error) {
	b, err := m.take(1)
	if err != nil {
		return false, fmt.Errorf("pickle ends without STOP")
	}
	switch b[0] {
	case 0x80: // PROTO
		v, err := m.number(1)
		if err == nil && v > 5 {
			err = fmt.Errorf("protocol %d is not known", v)
		}
		return false, err
	case 0x95: // FRAME: only a hint for buffered reading
		_, err := m.take(8)
		return false, err
	case '.': // STOP
		return true, nil
	case '(': // MARK
		if len(m.marks) >= len(m.data) {
			return false, fmt.Errorf("too many marks")
		}
		m.marks = append(m.marks, len(m.stack))
		return false, nil
	case '0': // POP
		if len(m.stack) == m.floor() && len(m.marks) > 0 {
			m.marks = m.marks[:len(m.marks)-1]
			return false, nil
		}
		_, err := m.pop()
		return false, err
	case '1': // POP_MARK
		_, err := m.popMark()
		return false, err
	case '2': // DUP
		v, err := m.top()
		if err != nil {
			return false, err
		}
		return false, m.push(v)
	case 'N':
		return false, m.push(nil)
	case 0x88:
		return false, m.push(true)
	case 0x89:
		return false, m.push(false)
	case 'I', 'L', 'J', 'K', 'M', 0x8a, 0x8b, 'F', 'G':
		return false, m.numeric(b[0])
	case 'S', 'T', 'U', 'B', 'C', 0x8e, 0x96, 'V', 'X', 0x8c, 0x8d:
		return false, m.text(b[0])
	case '}':
		return false, m.push(NewDict())
	case ']':
		return false, m.push(&List{})
	case ')':
		return false, m.push(Tuple{})
	case 0x8f: // EMPTY_SET
		return false, m.push(&Set{})
	case 0x85, 0x86, 0x87:
		return false, m.tuple(int(b[0]) - 0x84)
	case 't', 'l', 'd', 0x91, 'a', 'e', 's', 'u', 0x90:
		return false, m.collect(b[0])
	case 'p', 'q', 'r', 0x94, 'g', 'h', 'j':
		return false, m.memory(b[0])
	case 'c', 0x93, 'i', 'o', 'R', 0x81, 0x92, 'b', 'P', 'Q':
		return false, m.class(b[0])
	}
	return false, fmt.Errorf("operation 0x%02x is not allowed in a checkpoint", b[0])
}

func (m *machine) numeric(op byte) error {
	switch op {
	case 'K', 'M', 'J':
		n := map[byte]int{'K': 1, 'M': 2, 'J': 4}[op]
		v, err := m.number(n)
		if err != nil {
			return err
		}
		if op == 'J' {
			return m.push(int64(int32(v)))
		}
		return m.push(int64(v))
	case 'I', 'L':
		s, err := m.line()
		if err != nil {
			return err
		}
		if op == 'I' && (s == "00" || s == "01") {
			return m.push(s == "01")
		}
		if s = strings.TrimSuffix(s, "L"); len(s) > maxDecimal {
			return fmt.Errorf("integer of %d digits", len(s))
		}
		n, ok := new(big.Int).SetString(s, 10)
		if !ok {
			return fmt.Errorf("%.40q is not an integer", s)
		}
		return m.push(shrink(n))
	case 0x8a, 0x8b: // LONG1, LONG4: two's complement, little-endian
		raw, err := m.counted(map[byte]int{0x8a: 1, 0x8b: 4}[op])
		if err != nil {
			return err
		}
		be := make([]byte, len(raw))
		for i, c := range raw {
			be[len(raw)-1-i] = c
		}
		n := new(big.Int).SetBytes(be)
		if len(be) > 0 && be[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(be))))
		}
		return m.push(shrink(n))
	case 'F':
		s, err := m.line()
		if err != nil {
			return err
		}
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%.40q is not a number", s)
		}
		return m.push(f)
	default: // 'G'
		raw, err := m.take(8)
		if err != nil {
			return err
		}
		return m.push(math.Float64frombits(binary.BigEndian.Uint64(raw)))
	}
}

// shrink gives an int64 where the value fits.
func shrink(n *big.Int) any {
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

func (m *machine) text(op byte) error {
	switch op {
	case 'S', 'V':
		s, err := m.line()
		if err != nil {
			return err
		}
		if op == 'S' {
			if len(s) < 2 || s[0] != s[len(s)-1] || (s[0] != '\'' && s[0] != '"') {
				return fmt.Errorf("%.40q is not a quoted string", s)
			}
			s = s[1 : len(s)-1]
		}
		if strings.Contains(s, `\`) {
			return fmt.Errorf("escape sequences of protocol 0 are not supported: save with protocol 2 or later")
		}
		return m.push(s)
	}
	width := map[byte]int{'T': 4, 'U': 1, 'B': 4, 'C': 1, 0x8e: 8, 0x96: 8, 'X': 4, 0x8c: 1, 0x8d: 8}[op]
	raw, err := m.counted(width)
	if err != nil {
		return err
	}
	switch op {
	case 'B', 'C', 0x8e, 0x96:
		return m.push(append([]byte(nil), raw...))
	}
	return m.push(string(raw))
}

func (m *machine) collect(op byte) error {
	var items []any
	var err error
	switch op {
	case 'a', 's':
		n := map[byte]int{'a': 1, 's': 2}[op]
		if len(m.stack)-m.floor() < n+1 {
			return fmt.Errorf("stack has fewer than %d values", n+1)
		}
		from := len(m.stack) - n
		items = append(items, m.stack[from:]...)
		m.stack = m.stack[:from]
	default:
		if items, err = m.popMark(); err != nil {
			return err
		}
	}
	switch op {
	case 't':
		return m.push(Tuple(items))
	case 'l':
		return m.push(&List{Items: items})
	case 0x91:
		return m.push(&Set{Items: items})
	case 'd':
		d := NewDict()
		if err := setAll(d, items); err != nil {
			return err
		}
		return m.push(d)
	}
	into, err := m.top()
	if err != nil {
		return err
	}
	switch x := into.(type) {
	case *List:
		if op != 'a' && op != 'e' {
			return fmt.Errorf("cannot set items of a list")
		}
		x.Items = append(x.Items, items...)
		return nil
	case *Set:
		if op != 0x90 {
			return fmt.Errorf("cannot set items of a set")
		}
		x.Items = append(x.Items, items...)
		return nil
	case *Dict:
		if op != 's' && op != 'u' {
			return fmt.Errorf("cannot append to a dict")
		}
		return setAll(x, items)
	case *Object: // an unknown class that behaves as a list or a dict: its items are kept beside its state
		x.Args = append(x.Args, items...)
		return nil
	}
	return fmt.Errorf("cannot add items to %T", into)
}

func setAll(d *Dict, items []any) error {
	if len(items)%2 != 0 {
		return fmt.Errorf("odd number of values for a dict")
	}
	for i := 0; i < len(items); i += 2 {
		d.Set(items[i], items[i+1])
	}
	return nil
}

func (m *machine) memory(op byte) error {
	switch op {
	case 'p', 'g':
		s, err := m.line()
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return fmt.Errorf("memory number %.40q", s)
		}
		if op == 'p' {
			return m.put(n)
		}
		return m.recall(n)
	case 0x94: // MEMOIZE
		return m.put(uint64(len(m.memo)))
	}
	n, err := m.number(map[byte]int{'q': 1, 'r': 4, 'h': 1, 'j': 4}[op])
	if err != nil {
		return err
	}
	if op == 'q' || op == 'r' {
		return m.put(n)
	}
	return m.recall(n)
}
