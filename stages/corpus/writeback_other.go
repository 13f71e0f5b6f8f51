//go:build !linux

package corpus

import "os"

func writeBack(*os.File, int64, int64) {}
