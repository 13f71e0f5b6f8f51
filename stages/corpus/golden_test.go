package corpus

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/testdata/goldens"
)

type goldenPart struct {
	Requested     int64     `json:"requested"`
	Len           int64     `json:"len"`
	NumIndices    int       `json:"num_indices"`
	FirstIndex    int       `json:"first_index"`
	DocumentIndex []int32   `json:"document_index"`
	SampleIndex   [][]int64 `json:"sample_index"`
	ShuffleIndex  []uint32  `json:"shuffle_index"`
	DTypes        []string  `json:"dtypes"`
	Samples       [][]int32 `json:"samples"`
	Sample0       *struct {
		Positions []int32   `json:"position_ids"`
		LossMask  []float32 `json:"loss_mask"`
		Masked    []string  `json:"attention_masked_rows"`
	} `json:"sample0"`
	// of blends
	DatasetIndex  []int16      `json:"dataset_index"`
	DatasetSample []int64      `json:"dataset_sample_index"`
	Weights       []float64    `json:"weights"`
	Parts         []goldenPart `json:"parts"`
	NumSamples    int64        `json:"num_samples"`
}

type goldenIndex struct {
	Config struct {
		Split  string   `json:"split"`
		Seq    int      `json:"seq"`
		Seed   uint32   `json:"seed"`
		Sizes  [3]int64 `json:"sizes"`
		Blend  []string `json:"blend"`
		Reset  bool     `json:"reset_position_ids"`
		Hide   bool     `json:"reset_attention_mask"`
		NoLoss bool     `json:"eod_mask_loss"`
		EOD    int32    `json:"eod"`
	} `json:"config"`
	Error  string                 `json:"error"`
	Result map[string]*goldenPart `json:"result"`
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func mustOpen(t *testing.T, prefix string) *Index {
	t.Helper()
	x, err := Open(prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func TestGoldenGPTIndex(t *testing.T) {
	t.Parallel()
	dir := goldens.Dir(t, "preprocess/index")
	found, _ := filepath.Glob(filepath.Join(dir, "*", "index.json"))
	for _, path := range found {
		var cases []goldenIndex
		readJSON(t, path, &cases)
		for i, c := range cases {
			t.Run(filepath.Base(filepath.Dir(path))+"/"+strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				folder := filepath.Dir(path)
				if len(c.Config.Blend) > 0 {
					checkBlend(t, folder, c)
					return
				}
				x := mustOpen(t, filepath.Join(folder, "data_text_document"))
				cfg := GPTConfig{Split: c.Config.Split, Samples: c.Config.Sizes, SeqLength: c.Config.Seq, Seed: c.Config.Seed}
				if i%2 == 1 {
					cfg.Cache = t.TempDir()
				}
				got, err := NewGPT(x, cfg)
				if c.Error != "" {
					if err == nil {
						t.Fatalf("want an error, as the reference has %q", c.Error)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				for p, name := range parts {
					checkPart(t, name, got[p], c.Result[name])
					if c.Result[name] != nil && c.Result[name].Sample0 != nil {
						checkLayout(t, got[p], c)
					}
				}
			})
		}
	}
}

func checkPart(t *testing.T, name string, got *GPT, want *goldenPart) {
	t.Helper()
	if (got == nil) != (want == nil) {
		t.Fatalf("%s: present %v, want %v", name, got != nil, want != nil)
	}
	if want == nil {
		return
	}
	if want.DTypes != nil {
		d, s, h := got.Types()
		if diff := cmp.Diff(want.DTypes, []string{d, s, h}); diff != "" {
			t.Errorf("%s types (-want +got):\n%s", name, diff)
		}
		if got.First != want.FirstIndex || got.Sequences != want.NumIndices {
			t.Errorf("%s: sequences %d from %d, want %d from %d", name, got.Sequences, got.First, want.NumIndices, want.FirstIndex)
		}
	}
	if got.Len() != want.Len {
		t.Errorf("%s: %d samples, want %d", name, got.Len(), want.Len)
	}
	document := make([]int32, got.document.rows())
	for i := range document {
		document[i] = int32(got.document.at(int64(i), 0))
	}
	if diff := cmp.Diff(want.DocumentIndex, document); diff != "" {
		t.Errorf("%s document index (-want +got):\n%s", name, diff)
	}
	starts := make([][]int64, got.start.rows())
	for i := range starts {
		starts[i] = []int64{int64(got.start.at(int64(i), 0)), int64(got.start.at(int64(i), 1))}
	}
	if diff := cmp.Diff(want.SampleIndex, starts); diff != "" {
		t.Errorf("%s sample index (-want +got):\n%s", name, diff)
	}
	shuffle := make([]uint32, got.Len())
	for i := range shuffle {
		shuffle[i] = got.shuffle.at(int64(i), 0)
	}
	if diff := cmp.Diff(want.ShuffleIndex, shuffle); diff != "" && len(want.ShuffleIndex) > 0 {
		t.Errorf("%s shuffle index (-want +got):\n%s", name, diff)
	}
	checkSamples(t, name, got, want.Samples)
}

func checkSamples(t *testing.T, name string, set Dataset, want [][]int32) {
	t.Helper()
	for i, ids := range want {
		got, err := set.Item(nil, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ids, got); diff != "" {
			t.Errorf("%s sample %d (-want +got):\n%s", name, i, diff)
		}
	}
}

func checkLayout(t *testing.T, g *GPT, c goldenIndex) {
	t.Helper()
	want := c.Result[g.Part].Sample0
	ids, err := g.Item(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := LayOut(ids[:c.Config.Seq], PositionOptions{EOD: c.Config.EOD, ResetPositionIDs: c.Config.Reset, ResetAttentionMask: c.Config.Hide, EODMaskLoss: c.Config.NoLoss})
	if diff := cmp.Diff(want.Positions, got.Positions); diff != "" {
		t.Errorf("positions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.LossMask, got.LossMask); diff != "" {
		t.Errorf("loss mask (-want +got):\n%s", diff)
	}
	rows := make([]string, len(want.Masked))
	for seg := 1; seg < len(got.CuSeqlens); seg++ {
		for r := got.CuSeqlens[seg-1]; r < got.CuSeqlens[seg]; r++ {
			row := bytes.Repeat([]byte{'1'}, len(rows))
			for k := got.CuSeqlens[seg-1]; k <= r; k++ {
				row[k] = '0'
			}
			rows[r] = string(row)
		}
	}
	if diff := cmp.Diff(want.Masked, rows); diff != "" {
		t.Errorf("attention (-want +got):\n%s", diff)
	}
}

func checkBlend(t *testing.T, folder string, c goldenIndex) {
	t.Helper()
	var weights []float64
	var prefixes []string
	for i := 0; i+1 < len(c.Config.Blend); i += 2 {
		w, err := strconv.ParseFloat(c.Config.Blend[i], 64)
		if err != nil {
			t.Fatal(err)
		}
		weights, prefixes = append(weights, w), append(prefixes, filepath.Join(folder, c.Config.Blend[i+1]))
	}
	var wanted [3][]int64
	for p := range parts {
		var err error
		if wanted[p], err = Wanted(weights, c.Config.Sizes[p]); err != nil {
			t.Fatal(err)
		}
	}
	var sets [3][]Dataset
	for k, prefix := range prefixes {
		cfg := GPTConfig{Split: c.Config.Split, SeqLength: c.Config.Seq, Seed: c.Config.Seed}
		for p := range parts {
			cfg.Samples[p] = wanted[p][k]
		}
		built, err := NewGPT(mustOpen(t, prefix), cfg)
		if err != nil {
			if c.Error != "" {
				return
			}
			t.Fatal(err)
		}
		for p, name := range parts {
			if built[p] == nil {
				continue
			}
			sets[p] = append(sets[p], built[p])
			if want := c.Result[name]; want != nil {
				if wanted[p][k] != want.Parts[k].NumSamples {
					t.Errorf("%s set %d: %d samples wanted, want %d", name, k, wanted[p][k], want.Parts[k].NumSamples)
				}
				checkPart(t, name, built[p], &want.Parts[k])
			}
		}
	}
	if c.Error != "" {
		t.Fatalf("want an error, as the reference has %q", c.Error)
	}
	for p, name := range parts {
		want := c.Result[name]
		if (len(sets[p]) > 0) != (want != nil) {
			t.Fatalf("%s: %d sets, want present %v", name, len(sets[p]), want != nil)
		}
		if want == nil {
			continue
		}
		total := int64(0)
		for _, n := range wanted[p] {
			total += n
		}
		b, err := NewBlend(sets[p], weights, total, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if b.Len() != want.Len {
			t.Errorf("%s: %d samples, want %d", name, b.Len(), want.Len)
		}
		t.Cleanup(func() { b.Close() })
		var set []int16
		var sample []int64
		for i := range b.Len() {
			k, n := b.At(i)
			set, sample = append(set, int16(k)), append(sample, n)
		}
		if diff := cmp.Diff(want.DatasetIndex, set); diff != "" {
			t.Errorf("%s data set index (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want.DatasetSample, sample); diff != "" {
			t.Errorf("%s sample index (-want +got):\n%s", name, diff)
		}
		checkSamples(t, name, b, want.Samples)
	}
}

func TestGoldenFineTuningReader(t *testing.T) {
	t.Parallel()
	dir := goldens.Dir(t, "preprocess/index")
	found, _ := filepath.Glob(filepath.Join(dir, "finetune_*.json"))
	for _, path := range found {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			t.Parallel()
			var c struct {
				Data      string                     `json:"data"`
				Split     string                     `json:"split"`
				SeqLength int                        `json:"seq_length"`
				Seed      uint32                     `json:"seed"`
				Sizes     [3]int64                   `json:"sizes"`
				Result    map[string]json.RawMessage `json:"result"`
			}
			type part struct {
				Shuffle []int32 `json:"shuffle_index"`
				Lengths []int   `json:"lengths"`
				First   struct {
					IDs    []int32 `json:"input_ids"`
					Mask   []int32 `json:"attention_mask"`
					Labels []int32 `json:"labels"`
				} `json:"first_sample"`
			}
			readJSON(t, path, &c)
			d, err := OpenInstructions(filepath.Join(dir, filepath.FromSlash(c.Data)))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			got, err := d.Split(c.Split, c.Sizes, c.SeqLength, c.Seed)
			if err != nil {
				t.Fatal(err)
			}
			for p, name := range parts {
				var want *part
				if err := json.Unmarshal(c.Result[name], &want); err != nil {
					t.Fatal(err)
				}
				if (got[p] != nil) != (want != nil) {
					t.Fatalf("%s: present %v, want %v", name, got[p] != nil, want != nil)
				}
				if want == nil {
					continue
				}
				if diff := cmp.Diff(want.Shuffle, got[p].Shuffle); diff != "" {
					t.Errorf("%s shuffle index (-want +got):\n%s", name, diff)
				}
				for i, n := range want.Lengths {
					s, err := got[p].At(i)
					if err != nil {
						t.Fatal(err)
					}
					if len(s.IDs) != n {
						t.Errorf("%s sample %d has %d ids, want %d", name, i, len(s.IDs), n)
					}
					if i == 0 {
						if diff := cmp.Diff([][]int32{want.First.IDs, want.First.Mask, want.First.Labels}, [][]int32{s.IDs, s.Mask, s.Labels}); diff != "" {
							t.Errorf("%s first sample (-want +got):\n%s", name, diff)
						}
					}
				}
			}
		})
	}
}

func TestGoldenSamplers(t *testing.T) {
	t.Parallel()
	var all struct {
		Sequential []struct {
			Total    int64       `json:"total_samples"`
			Consumed int64       `json:"consumed_samples"`
			Micro    int         `json:"micro_batch_size"`
			DP       int         `json:"data_parallel_size"`
			DropLast *bool       `json:"drop_last"`
			Want     [][][]int64 `json:"microbatches_by_rank"`
			Take     int         `json:"take"`
			Error    string      `json:"error"`
		} `json:"sequential"`
		Random []struct {
			Total    int64 `json:"total_samples"`
			Consumed int64 `json:"consumed_samples"`
			Micro    int   `json:"micro_batch_size"`
			DP       int   `json:"data_parallel_size"`
			Sharding bool  `json:"data_sharding"`
			Take     int   `json:"take"`
			ByRank   [][]struct {
				Epoch    int64     `json:"epoch"`
				Batches  [][]int64 `json:"microbatches"`
				Consumed int64     `json:"consumed_after"`
			} `json:"epochs_by_rank"`
			Error string `json:"error"`
		} `json:"random"`
		Batch []struct {
			Ramp       []int64   `json:"rampup_batch_size"`
			Global     int64     `json:"global_batch_size"`
			Micro      int       `json:"micro_batch_size"`
			DP         int       `json:"data_parallel_size"`
			Iterations int       `json:"iterations"`
			Rows       [][]int64 `json:"rows"`
			Error      string    `json:"error"`
		} `json:"microbatch_calculator"`
	}
	readJSON(t, filepath.Join(goldens.Dir(t, "eval"), "samplers.json"), &all)
	take := func(s Sampler, limit int) [][]int64 {
		out := [][]int64{}
		for len(out) < limit {
			b, ok := s.Next()
			if !ok {
				break
			}
			out = append(out, b)
		}
		return out
	}
	for i, c := range all.Sequential {
		for r := range c.DP {
			s, err := NewSequential(SamplerConfig{Total: c.Total, Consumed: c.Consumed, MicroBatch: c.Micro, DP: c.DP, Rank: r}, c.DropLast == nil || *c.DropLast)
			if (err != nil) != (c.Error != "") {
				t.Errorf("sequential %d: error %v, want %q", i, err, c.Error)
			}
			if err != nil || c.Error != "" {
				continue
			}
			if diff := cmp.Diff(c.Want[r], take(s, c.Take)); diff != "" {
				t.Errorf("sequential %d rank %d (-want +got):\n%s", i, r, diff)
			}
		}
	}
	for i, c := range all.Random {
		for r := range c.DP {
			cfg := SamplerConfig{Total: c.Total, Consumed: c.Consumed, MicroBatch: c.Micro, DP: c.DP, Rank: r}
			if c.Error != "" {
				if _, err := NewRandom(cfg, c.Sharding); err == nil {
					t.Errorf("random %d: no error, want %q", i, c.Error)
				}
				continue
			}
			for e, want := range c.ByRank[r] {
				s, err := NewRandom(cfg, c.Sharding)
				if err != nil {
					t.Fatal(err)
				}
				if s.Epoch() != want.Epoch {
					t.Errorf("random %d rank %d: epoch %d, want %d", i, r, s.Epoch(), want.Epoch)
				}
				if diff := cmp.Diff(want.Batches, take(s, c.Take)); diff != "" {
					t.Errorf("random %d rank %d epoch %d (-want +got):\n%s", i, r, e, diff)
				}
				cfg.Consumed = want.Consumed
			}
		}
	}
	for i, c := range all.Batch {
		ramp, err := NewRamp(c.Global, c.Micro, c.DP, c.Ramp)
		rows, consumed := [][]int64{}, int64(0)
		for k := 0; err == nil && k < c.Iterations; k++ {
			var global int64
			var micro int
			if global, micro, err = ramp.At(consumed); err == nil {
				rows = append(rows, []int64{consumed, global, int64(micro)})
				consumed += global
			}
		}
		if (err != nil) != (c.Error != "") {
			t.Errorf("batch size %d: error %v, want %q", i, err, c.Error)
		}
		if diff := cmp.Diff(c.Rows, rows); diff != "" && len(c.Rows)+len(rows) > 0 {
			t.Errorf("batch size %d (-want +got):\n%s", i, diff)
		}
	}
}
