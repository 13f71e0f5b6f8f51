package sched

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// machineMemory is what stages may claim when nobody says: the memory of the machine or, inside a container, the limit
// of its control group. root is the file system's; where nothing is said, memory is not counted.
func machineMemory(root fs.FS) int64 {
	limit := int64(math.MaxInt64)
	if kib := field(root, "proc/meminfo", "MemTotal:"); kib > 0 && kib < math.MaxInt64>>10 {
		limit = kib << 10
	}
	group, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return limit
	}
	for line := range bytes.Lines(group) {
		// "0::/a/b" in version 2, "4:memory:/a/b" in version 1. A limit may be set anywhere above; in a container its own
		// group may show as the root.
		hierarchy, rest, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		controllers, at, _ := strings.Cut(rest, ":")
		dir, file := "sys/fs/cgroup", "memory.max"
		switch {
		case hierarchy == "0" && controllers == "":
		case controllers == "memory":
			dir, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for at = path.Clean("/" + at); ; at = path.Dir(at) {
			if n := field(root, path.Join(dir, at, file), ""); n > 0 {
				limit = min(limit, n)
			}
			if at == "/" {
				break
			}
		}
	}
	return limit
}

// field reads the number after a word in a file, or at its beginning; 0 when there is none.
func field(root fs.FS, name, word string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), word)
		if words := strings.Fields(rest); ok && len(words) > 0 {
			n, err := strconv.ParseInt(words[0], 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
