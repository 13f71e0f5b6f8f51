package megatron

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/torchpt"
)

func args(tp, pp, ep int) Args {
	a := NewArgs()
	a.Set("tensor_model_parallel_size", tp)
	a.Set("pipeline_model_parallel_size", pp)
	a.Set("expert_model_parallel_size", ep)
	return a
}

// write makes a checkpoint whose every chunk holds the named tensors of one byte: its rank.
func write(t *testing.T, dir string, spec Spec, names ...string) {
	t.Helper()
	chunks := map[Place][]Slot{}
	for tp := range spec.TP {
		for pp := range spec.PP {
			for ep := range spec.EP {
				for v := range spec.VPP {
					var slots []Slot
					for _, n := range names {
						slots = append(slots, Slot{Info: ckpt.Info{Name: n, DType: dtype.U8, Shape: []int{1}}})
					}
					slots = append(slots, Slot{Info: ckpt.Info{Name: names[0] + "._extra_state"}, Empty: true})
					chunks[Place{Rank{tp, pp, ep}, v}] = slots
				}
			}
		}
	}
	w, err := Create(dir, spec, chunks)
	if err != nil {
		t.Fatal(err)
	}
	for p := range chunks {
		for _, n := range names {
			if err := w.Put(p, n, []byte{byte(p.TP<<6 | p.PP<<4 | p.EP<<2 | p.Chunk)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEveryLayoutOfRanksReadsBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		tp, pp, ep  int
		vpp         int
		iteration   int
		firstFolder string
	}{
		{"one rank", 1, 1, 1, 1, 1, "iter_0000001/mp_rank_00"},
		{"tensor ranks", 2, 1, 1, 1, 2000, "iter_0002000/mp_rank_00"},
		{"pipeline ranks", 2, 2, 1, 1, 1, "iter_0000001/mp_rank_00_000"},
		{"expert ranks look like pipeline ranks", 2, 1, 2, 1, 1, "iter_0000001/mp_rank_00_000"},
		{"both", 2, 2, 2, 1, 1, "iter_0000001/mp_rank_00_000_000"},
		{"virtual stages", 1, 2, 1, 3, 1, "iter_0000001/mp_rank_00_000"},
		{"a release", 1, 1, 1, 1, Release, "release/mp_rank_00"},
	}
	for _, tt := range tests {
		for _, legacy := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				names := []string{"embedding.word_embeddings.weight", "decoder.layers.0.x.weight", "output_layer.weight"}
				if legacy {
					names = []string{"language_model.embedding.word_embeddings.weight", "language_model.encoder.layers.0.x.weight", "word_embeddings_for_head.weight"}
				}
				spec := Spec{Iteration: tt.iteration, TP: tt.tp, PP: tt.pp, EP: tt.ep, VPP: tt.vpp, Legacy: legacy, Args: args(tt.tp, tt.pp, tt.ep)}
				write(t, dir, spec, names...)
				if _, err := os.Stat(filepath.Join(dir, tt.firstFolder, FileName)); err != nil {
					t.Fatal(err)
				}
				if !Is(dir) || !Is(filepath.Join(dir, IterationFolder(tt.iteration))) || Is(t.TempDir()) {
					t.Error("not recognised")
				}
				c, err := Open(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if c.TP != tt.tp || c.PP != tt.pp || c.EP != tt.ep || c.VPP != tt.vpp || c.Iteration != tt.iteration || c.Legacy != legacy {
					t.Errorf("checkpoint %+v", c)
				}
				for tp := range c.TP {
					for pp := range c.PP {
						for ep := range c.EP {
							for v := range c.VPP {
								k, err := c.Chunk(Rank{tp, pp, ep}, v)
								if err != nil {
									t.Fatal(err)
								}
								if d := cmp.Diff(names, k.Names); d != "" {
									t.Errorf("names: -want +have\n%s", d)
								}
								if len(k.Empty) != 1 {
									t.Errorf("empty entries %v", k.Empty)
								}
								b, err := k.Tensors[names[1]].Bytes()
								if err != nil || len(b) != 1 || b[0] != byte(tp<<6|pp<<4|ep<<2|v) {
									t.Errorf("rank %d %d %d chunk %d holds %v (%v)", tp, pp, ep, v, b, err)
								}
							}
						}
					}
				}
			})
		}
	}
}

func TestDamagedDirectoriesAreRefused(t *testing.T) {
	t.Parallel()
	file := func(path string, data string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	root := func(kv ...any) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			d := torchpt.NewDict()
			for i := 0; i < len(kv); i += 2 {
				d.Set(kv[i], kv[i+1])
			}
			folder := filepath.Join(dir, "mp_rank_00")
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := torchpt.Write(filepath.Join(folder, FileName), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	space := func(a Args) *torchpt.Object { return torchpt.Namespace(a.dict) }
	tests := []struct {
		name, want string
		make       func(t *testing.T, dir string)
	}{
		{"nothing", "no latest_checkpointed_iteration.txt and no mp_rank_* folders", func(*testing.T, string) {}},
		{"a tracker of nonsense", `"hello" is neither a number nor release`, file(TrackerName, "hello")},
		{"a tracker without its folder", "names iter_0000003", file(TrackerName, "3")},
		{"a folder without ranks", "no model_optim_rng.pt of rank 0", func(t *testing.T, dir string) {
			file(TrackerName, "3")(t, dir)
			file("iter_0000003/x", "")(t, dir)
		}},
		{"a file that is no torch file", "neither a zip archive", file("mp_rank_00/"+FileName, "hello")},
		{"no arguments", "no args", root("model", torchpt.NewDict())},
		{"arguments of another class", "args is *torchpt.Dict, not a namespace", root("args", torchpt.NewDict())},
		{"no version", "no checkpoint_version", root("args", space(args(1, 1, 1)))},
		{"no model", "neither model nor model0", root("args", space(args(1, 1, 1)), "checkpoint_version", 3.0)},
		{"a layout of nonsense", "args give tp 0, pp 1, ep 1", root("args", space(args(0, 1, 1)), "checkpoint_version", 3.0, "model", torchpt.NewDict())},
		{"a layout of too many ranks", "4294967296 ranks, more than the 65536 that are read", root("args", space(args(1<<16, 1<<16, 1)), "checkpoint_version", 3.0, "model", torchpt.NewDict())},
		{"ranks that are missing", "args say tp 4, pp 1, ep 1, but 3 rank files are missing: mp_rank_01, mp_rank_02, mp_rank_03", root("args", space(args(4, 1, 1)), "checkpoint_version", 3.0, "model", torchpt.NewDict())},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tt.make(t, dir)
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAnUnfinishedWriteIsInvisible(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	spec := Spec{Iteration: 1, TP: 1, PP: 1, EP: 1, VPP: 1, Args: args(1, 1, 1)}
	w, err := Create(dir, spec, map[Place][]Slot{{}: {{Info: ckpt.Info{Name: "a.weight", DType: dtype.U8, Shape: []int{1}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if Is(dir) {
		t.Error("visible before Close")
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "1 tensors were not put") {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Whatever a tracker and the folders beside it are called, what is opened lies in the directory.
func FuzzFolders(f *testing.F) {
	f.Add("3", "iter_0000003", "mp_rank_00")
	f.Add("release\n", "release", "mp_rank_00_000")
	f.Add(" 12 ", "iter_0000012", "mp_rank_00_000_000")
	f.Add("../x", "..", "mp_rank_0")
	f.Add("99999999999999999999", "iter_1", "mp_rank_")
	f.Add("+3", "iter_0000003", "mp_rank_00")
	f.Fuzz(func(t *testing.T, tracker, folder, rank string) {
		dir := t.TempDir()
		plain := func(s string) bool {
			return s != "" && filepath.IsLocal(s) && filepath.Base(s) == s && !strings.ContainsRune(s, 0)
		}
		if plain(folder) && plain(rank) && len(folder) < 100 && len(rank) < 100 {
			inner := filepath.Join(dir, folder, rank)
			if err := os.MkdirAll(inner, 0o700); err != nil {
				t.Skip()
			}
			if err := os.WriteFile(filepath.Join(inner, FileName), nil, 0o600); err != nil {
				t.Skip()
			}
		}
		if err := os.WriteFile(filepath.Join(dir, TrackerName), []byte(tracker), 0o600); err != nil {
			t.Skip() // the folder has that name
		}
		Is(dir)
		if _, err := Open(dir); err == nil {
			t.Error("a checkpoint of empty files was opened")
		}
		path, iteration, err := locate(dir)
		if err != nil {
			return
		}
		if filepath.Dir(path) != dir || filepath.Base(path) != IterationFolder(iteration) {
			t.Errorf("tracker %q leads to %s, iteration %d", tracker, path, iteration)
		}
		if file, err := rank0(path); err == nil && (filepath.Dir(filepath.Dir(file)) != path || !strings.HasPrefix(filepath.Base(filepath.Dir(file)), "mp_rank_00")) {
			t.Errorf("rank 0 is %s", file)
		}
	})
}
