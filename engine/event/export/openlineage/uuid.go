package openlineage

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// runID is a UUID of version 7 (RFC 9562) that depends on nothing but a start and a name.
func runID(start time.Time, name string) string {
	sum := sha256.Sum256([]byte(start.UTC().Format(time.RFC3339Nano) + "\x00" + name))
	id := sum[:16]
	ms := max(start.UnixMilli(), 0)
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
