package spm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Charsmap is a precompiled table of replacements: a double array (darts-clone) of texts, each with the place of
// what replaces it in a list of texts that end in 0.
type Charsmap struct {
	units []uint32
	texts string
}

// ParseCharsmap reads a table: the size of the double array in bytes (4 bytes, little endian), the array, the texts.
func ParseCharsmap(data []byte) (*Charsmap, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("it has %d bytes: too few", len(data))
	}
	size := binary.LittleEndian.Uint32(data)
	rest := data[4:]
	if uint64(size) >= uint64(len(rest)) || size%4 != 0 || size == 0 {
		return nil, fmt.Errorf("its trie has %d bytes, but %d follow", size, len(rest))
	}
	c := &Charsmap{units: make([]uint32, size/4), texts: string(rest[size:])}
	for i := range c.units {
		c.units[i] = binary.LittleEndian.Uint32(rest[4*i:])
	}
	if c.texts[len(c.texts)-1] != 0 {
		return nil, errors.New("its last text does not end")
	}
	for text := range strings.SplitSeq(c.texts, "\x00") {
		if len(text) > maxReplacement {
			return nil, fmt.Errorf("a replacement has %d bytes, more than %d", len(text), maxReplacement)
		}
	}
	return c, nil
}

// maxReplacement bounds what one character can become, in bytes; the longest in use has some 30.
const maxReplacement = 1 << 10

// most is how many matches the library looks at.
const most = 32

// Longest is the replacement of the longest text of the table that s begins with, and the size of that text; 0
// without one.
func (c *Charsmap) Longest(s string) (string, int) {
	value, size := c.walk(s, false)
	if size == 0 {
		return "", 0
	}
	return c.text(value), size
}

// Shortest is the same for the shortest text.
func (c *Charsmap) Shortest(s string) (string, int) {
	value, size := c.walk(s, true)
	if size == 0 {
		return "", 0
	}
	return c.text(value), size
}

// walk follows s through the double array. A unit has a label in its low byte, a mark of a leaf at bit 8, and the
// distance to its children above, in steps of 256 when bit 9 is set; a leaf has bit 31 set and a value below.
func (c *Charsmap) walk(s string, first bool) (value uint32, size int) {
	at := offset(c.units[0])
	for i, found := 0, 0; i < len(s); i++ {
		at ^= uint32(s[i])
		if uint64(at) >= uint64(len(c.units)) {
			break
		}
		unit := c.units[at]
		if unit&(1<<31|0xff) != uint32(s[i]) {
			break
		}
		at ^= offset(unit)
		if unit>>8&1 == 0 {
			continue
		}
		if uint64(at) >= uint64(len(c.units)) || found == most {
			break
		}
		found++
		if value, size = c.units[at]&(1<<31-1), i+1; first {
			break
		}
	}
	return value, size
}

func offset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }

func (c *Charsmap) text(at uint32) string {
	if uint64(at) >= uint64(len(c.texts)) {
		return ""
	}
	rest := c.texts[at:]
	return rest[:strings.IndexByte(rest, 0)]
}
