//go:build !unix

package mapped

import (
	"errors"
	"os"
)

func mapFile(*os.File, int) ([]byte, error) {
	return nil, errors.New("no memory maps on this system")
}

func unmapFile([]byte) error { return nil }

func forget([]byte) {}
