package sched

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestMemoryIsThatOfTheMachineOrOfTheContainer(t *testing.T) {
	t.Parallel()
	const mem = "MemTotal:       16384 kB\nMemFree:  1 kB\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"nothing is said", nil, math.MaxInt64},
		{"a machine", map[string]string{"proc/meminfo": mem}, 16 << 20},
		{"no limit", map[string]string{"proc/meminfo": mem, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 16 << 20},
		{"a container that is its own root", map[string]string{"proc/meminfo": mem, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1048576\n"}, 1 << 20},
		{"a limit above", map[string]string{"proc/meminfo": mem, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "2097152\n", "sys/fs/cgroup/a/b/memory.max": "4194304\n"}, 2 << 20},
		{"version 1", map[string]string{"proc/meminfo": mem, "proc/self/cgroup": "5:cpu:/x\n4:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "3145728\n"}, 3 << 20},
		{"version 1 without a limit", map[string]string{"proc/meminfo": mem, "proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 16 << 20},
		{"rubbish", map[string]string{"proc/meminfo": "MemTotal: lots\n", "proc/self/cgroup": "::::\n0::../..\n"}, math.MaxInt64},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := fstest.MapFS{}
			for name, text := range c.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := machineMemory(root); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}
