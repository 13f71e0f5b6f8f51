package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
)

// check refuses an output that is missing, or that leads out of the output folder by a link.
func check(root string, port artifact.Port, at string) error {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return fmt.Errorf("check output folder: %w", err)
	}
	if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Data, "check output %s: the command did not write $OUT/%s", port.Name, port.Path).
			WithHint("write it, or correct the path under outputs")
	}
	if err := inside(real, port, at); err != nil {
		return err
	}
	return filepath.WalkDir(at, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("check output %s: %w", port.Name, err)
		}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			return inside(real, port, name)
		case d.Type().IsRegular() || d.IsDir():
			return nil
		}
		return fault.New(fault.Data, "check output %s: %s is neither a file nor a folder", port.Name, rel(root, name))
	})
}

// inside says whether name, its links followed, lies below root.
func inside(root string, port artifact.Port, name string) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return fault.New(fault.Data, "check output %s: %w", port.Name, err)
	}
	if target != root && !strings.HasPrefix(target, root+string(filepath.Separator)) {
		return fault.New(fault.Data, "check output %s: %s is a link out of $OUT, to %s", port.Name, filepath.Base(name), target).
			WithHint("copy the file: cp -L")
	}
	return nil
}

func rel(root, name string) string {
	if r, err := filepath.Rel(root, name); err == nil {
		return "$OUT/" + filepath.ToSlash(r)
	}
	return name
}
