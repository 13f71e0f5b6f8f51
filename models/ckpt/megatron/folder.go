package megatron

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// TrackerName is the file that names the newest checkpoint of a directory.
const TrackerName = "latest_checkpointed_iteration.txt"

// FileName is the weights file of a rank.
const FileName = "model_optim_rng.pt"

// Release is the iteration number that stands for a folder named release.
const Release = -1

// Rank is a position in the layout.
type Rank struct{ TP, PP, EP int }

// IterationFolder is the folder name of an iteration.
func IterationFolder(iteration int) string {
	if iteration == Release {
		return "release"
	}
	return fmt.Sprintf("iter_%07d", iteration)
}

// RankFolder is the folder name of a rank in a layout of pp pipeline stages and ep expert groups.
func RankFolder(r Rank, pp, ep int) string {
	switch {
	case pp > 1 && ep > 1:
		return fmt.Sprintf("mp_rank_%02d_%03d_%03d", r.TP, r.PP, r.EP)
	case pp > 1:
		return fmt.Sprintf("mp_rank_%02d_%03d", r.TP, r.PP)
	case ep > 1:
		return fmt.Sprintf("mp_rank_%02d_%03d", r.TP, r.EP)
	}
	return fmt.Sprintf("mp_rank_%02d", r.TP)
}

// locate finds the iteration folder of dir, which may be the folder itself.
func locate(dir string) (folder string, iteration int, err error) {
	text, err := tracker(dir)
	switch {
	case err == nil:
		word := strings.TrimSpace(string(text))
		iteration = Release
		if word != "release" {
			if iteration, err = strconv.Atoi(word); err != nil || iteration < 0 {
				return "", 0, fmt.Errorf("read %s: %.40q is neither a number nor release", filepath.Join(dir, TrackerName), word)
			}
		}
		folder = filepath.Join(dir, IterationFolder(iteration))
		if _, err := os.Stat(folder); err != nil {
			return "", 0, fmt.Errorf("open checkpoint: %s names %s: %w", filepath.Join(dir, TrackerName), filepath.Base(folder), err)
		}
		return folder, iteration, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", 0, fmt.Errorf("open checkpoint: %w", err)
	}
	if ranks, _ := filepath.Glob(filepath.Join(dir, "mp_rank_*", FileName)); len(ranks) > 0 {
		return dir, Release, nil
	}
	return "", 0, fmt.Errorf("open checkpoint %s: no %s and no mp_rank_* folders: %w", dir, TrackerName, fs.ErrNotExist)
}

// tracker reads the beginning of the tracker: a number or a word.
func tracker(dir string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, TrackerName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 64))
}

// Is says whether dir looks like a Megatron checkpoint.
func Is(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, TrackerName)); err == nil {
		return true
	}
	ranks, _ := filepath.Glob(filepath.Join(dir, "mp_rank_*", FileName))
	return len(ranks) > 0
}

// rank0 finds the first rank's file in the order that Megatron tries.
func rank0(folder string) (string, error) {
	for _, name := range []string{"mp_rank_00", "mp_rank_00_000", "mp_rank_00_000_000"} {
		path := filepath.Join(folder, name, FileName)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("open checkpoint %s: no %s of rank 0 (mp_rank_00, mp_rank_00_000 or mp_rank_00_000_000): %w", folder, FileName, fs.ErrNotExist)
}
