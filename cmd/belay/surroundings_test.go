package main

import (
	"runtime"
	"testing"
)

func TestSurroundingsHoldWhatTellsAndNoSecrets(t *testing.T) {
	t.Parallel()
	got := surroundings([]string{
		"HCCL_CONNECT_TIMEOUT=1800", "OMP_NUM_THREADS=2", "HF_TOKEN=hf_abc", "BELAY_API_KEY=k", "HF_ENDPOINT=https://u:pw@hub", "HOME=/root", "TZ=UTC",
	})
	for name, want := range map[string]string{
		"os": runtime.GOOS, "arch": runtime.GOARCH, "env HCCL_CONNECT_TIMEOUT": "1800", "env OMP_NUM_THREADS": "2", "env TZ": "UTC",
		"env HF_TOKEN": "", "env BELAY_API_KEY": "", "env HF_ENDPOINT": "", "env HOME": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}
