package preprocess

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

const (
	checkpointFile   = "checkpoint.json"
	checkpointFormat = 2
	// checkpointEvery is how many ids are written between two checkpoints.
	checkpointEvery = 32 << 20
)

// checkpoint is how far a run has come. What it speaks of is on the disk before it is.
type checkpoint struct {
	Format   int       `json:"format"` // checkpointFormat
	Files    []string  `json:"files"`  // that are read, in order: compat takes it from the file system, which no key knows
	Input    collected `json:"input"`  // behind which nothing is counted or written yet
	Complete bool      `json:"complete"`
	Stats    *stats    `json:"stats"`
	Written  written   `json:"written"`
}

// loadCheckpoint finds what an earlier attempt left, or nil when there is nothing that fits.
func loadCheckpoint(work string, files []string) (*checkpoint, error) {
	text, err := os.ReadFile(filepath.Join(work, checkpointFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("resume: %w", err)
	}
	c := &checkpoint{Stats: &stats{}}
	if err := json.Unmarshal(text, c); err != nil || c.Format != checkpointFormat || !slices.Equal(c.Files, files) {
		return nil, nil
	}
	return c, nil
}

// save replaces the checkpoint in the working directory.
func (c *checkpoint) save(work string) error {
	text, err := json.Marshal(c)
	if err == nil {
		err = writeSynced(filepath.Join(work, checkpointFile), text)
	}
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

func writeSynced(path string, text []byte) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// keeper collects documents into a sink and keeps a checkpoint of it.
type keeper struct {
	to    sink
	work  string
	every int64 // ids between checkpoints
	at    checkpoint
	saved int64 // ids that were written by the last one
	// broken says that the sink stopped in the middle of a batch, so that it stands at no position.
	broken bool
}

// openSink makes a sink through open and its keeper, as the last checkpoint left them if there is one that can be used.
func openSink(t *target, files []string, every int64, open func(t *target, from *written) (sink, error)) (*keeper, error) {
	k := &keeper{work: t.work, every: every, at: checkpoint{Format: checkpointFormat, Files: files, Stats: t.stats}}
	last, err := loadCheckpoint(t.work, k.at.Files)
	if err != nil {
		return nil, err
	}
	if last != nil {
		t.stats.restore(last.Stats)
		if k.to, err = open(t, &last.Written); err == nil {
			last.Stats = t.stats
			k.at = *last
			k.saved = k.to.size()
			return k, nil
		}
		t.stats.restore(&stats{})
	}
	if err := errors.Join(os.RemoveAll(t.work), os.MkdirAll(t.work, 0o755)); err != nil {
		return nil, fmt.Errorf("write samples: %w", err)
	}
	k.to, err = open(t, nil)
	return k, err
}

// collect takes a batch of documents and how far the input is collected with it.
func (k *keeper) collect(docs []handler.Document, so collected) error {
	s := k.at.Stats
	for _, d := range docs {
		s.Records++
		if d.Cut {
			s.Truncated++
		}
		if d.Dropped != "" {
			s.drop(d.Dropped)
		} else if err := k.to.add(d); err != nil {
			k.broken = true
			return err
		}
	}
	k.at.Input = so
	if k.to.size()-k.saved < k.every {
		return nil
	}
	return k.save()
}

// run runs the pipeline, unless an earlier attempt did.
func (k *keeper) run(ctx context.Context, p *pipeline) error {
	if k.at.Complete {
		return nil
	}
	if err := p.run(ctx); err != nil {
		return err
	}
	// Reading again finds all of these again, so they are counted at the end.
	if n := p.mix.filtered(); n > 0 {
		k.at.Stats.Records += n
		k.at.Stats.Dropped[filtered] += n
	}
	k.at.Complete = true
	if k.saved == 0 {
		return nil // what is left to do takes less than to read it again
	}
	return k.save()
}

// save writes a checkpoint of what was collected.
func (k *keeper) save() (err error) {
	if k.at.Written, err = k.to.mark(); err != nil {
		return err
	}
	k.saved = k.to.size()
	k.at.Stats.fold()
	return k.at.save(k.work)
}

// end closes the sink after a run that ended in err. What a cancelled run has done is kept to go on from, and so is the
// last checkpoint after a failure of the machine; a mistake in the data or the recipe would only be met again.
func (k *keeper) end(ctx context.Context, err error) {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) && !k.broken && !k.at.Complete {
		k.save() // without it, the last checkpoint stands
	}
	k.to.abort()
	if code := fault.CodeOf(err); code == fault.Data || code == fault.Recipe {
		os.RemoveAll(k.work)
	}
}
