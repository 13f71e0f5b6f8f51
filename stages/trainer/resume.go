package trainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
)

// state is state.json of a resume point. Its presence marks the point as whole: it is written last.
type state struct {
	Version int     `json:"version"` // of the stage that wrote it
	Done    int     `json:"done"`
	Updates int     `json:"updates"`
	Curve   []Point `json:"curve"`
}

const (
	resumeDir = "resume"
	stateFile = "state.json"
	paramFile = "parameters.safetensors"
	optimFile = "moments.safetensors"
	maxState  = 1 << 30
)

// save writes a resume point after the last finished iteration and removes older ones.
func (l *loop) save() error {
	if l.Work == "" || l.done == 0 {
		return nil
	}
	root := filepath.Join(l.Work, resumeDir)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(root, "tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := safetensors.Write(filepath.Join(tmp, paramFile), l.parameters(), nil); err != nil {
		return err
	}
	if err := safetensors.Write(filepath.Join(tmp, optimFile), l.opt.Export(), nil); err != nil {
		return err
	}
	data, err := json.Marshal(state{Version: l.Version, Done: l.done, Updates: l.updates, Curve: l.curve})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, stateFile), data, 0o644); err != nil {
		return err
	}
	final := filepath.Join(root, fmt.Sprintf("%07d", l.done))
	if err := os.Rename(tmp, final); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, old := range points(root) {
		if old != filepath.Base(final) {
			if err := os.RemoveAll(filepath.Join(root, old)); err != nil {
				return err
			}
		}
	}
	return nil
}

// parameters shows what trains: the whole model, or the adapters alone.
func (l *loop) parameters() ckpt.Source {
	if src, err := l.Model.ExportAdapters(dtype.F32); err == nil {
		return src
	}
	return l.Model.Export()
}

// resume goes on from the newest whole point, and says how many iterations it holds. A point that
// cannot be read is passed over with a warning: the run starts earlier, nothing is lost but time.
func (l *loop) resume() (int, error) {
	if l.Work == "" {
		return 0, nil
	}
	root := filepath.Join(l.Work, resumeDir)
	found := points(root)
	for _, name := range slices.Backward(found) {
		st, err := readState(filepath.Join(root, name, stateFile))
		if err == nil && (st.Version != l.Version || st.Done > l.Hyper.TrainIters || st.Done != len(st.Curve)) {
			err = errors.New("it belongs to another run")
		}
		if err == nil {
			err = l.restore(filepath.Join(root, name))
		}
		if err != nil {
			l.Events.Warn(fmt.Sprintf("resume point %s is not used: %v", name, err), nil)
			continue
		}
		l.done, l.updates, l.curve = st.Done, st.Updates, st.Curve
		return st.Done, nil
	}
	return 0, nil
}

func (l *loop) restore(dir string) error {
	params, err := safetensors.Open(filepath.Join(dir, paramFile))
	if err != nil {
		return err
	}
	defer params.Close()
	moments, err := safetensors.Open(filepath.Join(dir, optimFile))
	if err != nil {
		return err
	}
	defer moments.Close()
	if _, ok := l.Model.LoRA(); ok {
		err = l.Model.LoadAdapters(params)
	} else {
		err = l.Model.Load(params)
	}
	if err != nil {
		return err
	}
	return l.opt.Load(moments)
}

// points lists the whole resume points below root, oldest first.
func points(root string) []string {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), "tmp-") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

func readState(path string) (state, error) {
	var st state
	info, err := os.Stat(path)
	if err != nil {
		return st, err
	}
	if info.Size() > maxState {
		return st, fmt.Errorf("%s has %d bytes", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return st, err
	}
	return st, json.Unmarshal(data, &st)
}
