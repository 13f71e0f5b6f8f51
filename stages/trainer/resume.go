package trainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
)

// state is state.json of a resume point. It is written last.
type state struct {
	Version int               `json:"version"` // of the stage that wrote it
	Done    int               `json:"done"`
	Updates int               `json:"updates"`
	Tokens  int64             `json:"tokens"`
	Files   map[string]uint32 `json:"crc32c"` // of the tensor files: a damaged one must not train on
	Curve   []Point           `json:"curve"`
}

const (
	resumeDir = "resume"
	stateFile = "state.json"
	paramFile = "parameters.safetensors"
	optimFile = "moments.safetensors"
	tempMark  = "tmp-"
	maxState  = 1 << 30
)

// save writes a resume point after the last finished iteration and removes older ones.
func (l *loop) save() error {
	if l.Work == "" || l.done == l.saved {
		return nil
	}
	if err := l.write(filepath.Join(l.Work, resumeDir)); err != nil {
		return fmt.Errorf("save resume point after iteration %d: %w", l.done, err)
	}
	l.saved = l.done
	return nil
}

func (l *loop) write(root string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(root, tempMark)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	st := state{Version: l.Version, Done: l.done, Updates: l.updates, Tokens: l.tokens, Files: map[string]uint32{}, Curve: l.curve}
	for name, src := range map[string]ckpt.Source{paramFile: l.parameters(), optimFile: l.opt.Export()} {
		path := filepath.Join(tmp, name)
		if err := safetensors.Write(path, src, nil); err != nil {
			return err
		}
		if st.Files[name], err = checksum(path); err != nil {
			return err
		}
	}
	data, err := json.Marshal(st)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(tmp, stateFile), data, 0o644); err != nil {
		return err
	}
	final := filepath.Join(root, fmt.Sprintf("%07d", l.done))
	// One of that name is a point that could not be used.
	if err := os.RemoveAll(final); err != nil {
		return err
	}
	if err := os.Rename(tmp, final); err != nil {
		return err
	}
	if err := syncDir(root); err != nil {
		return err
	}
	return keepOnly(root, filepath.Base(final))
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
	for _, name := range slices.Backward(points(root)) {
		dir := filepath.Join(root, name)
		st, err := l.check(dir)
		if err != nil {
			l.Events.Warn(fmt.Sprintf("resume point %s is not used: %v", name, err), nil)
			continue
		}
		if err := l.restore(dir); err != nil {
			return 0, fault.New(fault.Data, "resume from %s: %w", dir, err).WithHint("remove that folder to train from the beginning")
		}
		l.done, l.updates, l.tokens, l.curve, l.saved = st.Done, st.Updates, st.Tokens, st.Curve, st.Done
		return st.Done, nil
	}
	return 0, nil
}

// check says what is wrong with a resume point, without a change to the model.
func (l *loop) check(dir string) (state, error) {
	st, err := readState(filepath.Join(dir, stateFile))
	if err != nil {
		return st, err
	}
	if st.Version != l.Version || st.Done < 1 || st.Done > l.Hyper.TrainIters || st.Done != len(st.Curve) || st.Updates > st.Done {
		return st, errors.New("it belongs to another run")
	}
	for _, name := range []string{paramFile, optimFile} {
		sum, err := checksum(filepath.Join(dir, name))
		if err != nil {
			return st, err
		}
		if want, ok := st.Files[name]; !ok || sum != want {
			return st, fmt.Errorf("%s is damaged", name)
		}
	}
	return st, nil
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

// points lists the resume points below root, oldest first.
func points(root string) []string {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), tempMark) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// keepOnly removes all points but one, and what a killed run left half written.
func keepOnly(root, name string) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != name {
			if err := os.RemoveAll(filepath.Join(root, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checksum is the CRC-32C of a file, which processors compute at the speed of memory.
func checksum(path string) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if _, err := io.CopyBuffer(sum, f, make([]byte, 1<<20)); err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return sum.Sum32(), nil
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
