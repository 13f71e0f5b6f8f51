package main

import (
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// surroundings are what a run found itself in, for its record: the machine, and those environment variables that are
// known to change how computations and downloads go. None of it enters a key; variables whose names speak of secrets
// are left out.
func surroundings(environ []string) map[string]string {
	out := map[string]string{"os": runtime.GOOS, "arch": runtime.GOARCH, "cores": strconv.Itoa(runtime.NumCPU()), "go": runtime.Version()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		out["kernel"] = unix.ByteSliceToString(u.Release[:])
	}
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		if telling(name) && !strings.Contains(value, "@") { // an address may hold a password
			out["env "+name] = value
		}
	}
	return out
}

// telling says whether a variable belongs into the record.
func telling(name string) bool {
	for _, word := range []string{"TOKEN", "KEY", "SECRET", "PASS", "CREDENTIAL"} {
		if strings.Contains(name, word) {
			return false
		}
	}
	for _, prefix := range []string{"ASCEND_", "HCCL_", "NCCL_", "CUDA_", "OMP_", "GO", "BELAY_", "HF_", "SLURM_JOB_", "SLURM_NODE"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "LANG" || name == "TZ"
}
