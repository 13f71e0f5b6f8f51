package preprocess

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// infoFile is LLaMA-Factory's list of data sets, beside the data.
const infoFile = "dataset_info.json"

// Datasets are the parameters for data sets that a dataset_info.json describes.
type Datasets struct {
	Dataset         []string  `yaml:"dataset" doc:"data sets by their names in the dataset_info.json of the folder input (style llamafactory)"`
	InterleaveProbs []float64 `yaml:"interleave_probs" doc:"with dataset and mix interleave_*: the share of each set, together 1 (default: in turn)"`
	MaxSamples      int64     `yaml:"max_samples" min:"0" doc:"only the first so many records of each source or data set; 0 is all"`
}

// check refuses what does not go together.
func (d *Datasets) check(p *Params, k handler.Kind) error {
	sum := 0.0
	for _, x := range d.InterleaveProbs {
		sum += x
	}
	switch {
	case k.Catalog && len(d.Dataset) == 0:
		return fault.New(fault.Recipe, "style %s needs dataset, the names of data sets in the %s of input", k.Style, infoFile)
	case !k.Catalog && len(d.Dataset) > 0:
		return fault.New(fault.Recipe, "dataset means nothing with style %s", k.Style).WithHint("style: llamafactory")
	case k.Catalog && len(p.Input) != 1:
		return fault.New(fault.Recipe, "style %s reads one folder with a %s, have %d inputs", k.Style, infoFile, len(p.Input))
	case k.Catalog && len(p.MapKeys)+len(p.Tags) > 0:
		return fault.New(fault.Recipe, "map_keys and tags mean nothing with style %s", k.Style).WithHint("columns and tags of the data set in %s say it", infoFile)
	case len(d.InterleaveProbs) > 0 && !k.Catalog:
		return fault.New(fault.Recipe, "interleave_probs means nothing without dataset").WithHint("weight of each of sources")
	case len(d.InterleaveProbs) > 0 && p.Mix != mixUnder && p.Mix != mixOver:
		return fault.New(fault.Recipe, "interleave_probs means nothing without mix: %s or %s", mixUnder, mixOver)
	case len(d.InterleaveProbs) > 0 && len(d.InterleaveProbs) != len(d.Dataset):
		return fault.New(fault.Recipe, "interleave_probs has %d shares for %d data sets", len(d.InterleaveProbs), len(d.Dataset))
	case len(d.InterleaveProbs) > 0 && (math.Abs(sum-1) > 1e-8 || slices.Min(d.InterleaveProbs) < 0):
		return fault.New(fault.Recipe, "interleave_probs: want shares from 0 to 1 that make 1 together, have %v", d.InterleaveProbs)
	}
	return nil
}

// maxInfo is the size in bytes from which on the list is refused.
const maxInfo = 16 << 20

// datasetInfo is a data set as LLaMA-Factory describes it. Columns and tags that it does not name are
// unset once it names one.
type datasetInfo struct {
	FileName   string            `json:"file_name"`
	Formatting string            `json:"formatting"`
	Ranking    bool              `json:"ranking"`
	Columns    map[string]string `json:"columns"`
	Tags       map[string]string `json:"tags"`
	Split      string            `json:"split"`
}

// elsewhere are the fields that name data which is not a file here, or a part of it that cannot be taken.
var elsewhere = map[string]string{
	"hf_hub_url":      "download it by the stage hf-download and name the file in file_name",
	"ms_hub_url":      "download it and name the file in file_name",
	"om_hub_url":      "download it and name the file in file_name",
	"cloud_file_name": "download it and name the file in file_name",
	"script_url":      "run the script, write its rows as JSON lines, and name the file in file_name",
	"subset":          "write the subset to a file of its own and name it in file_name",
	"folder":          "name the file in file_name",
	"num_samples":     "max_samples takes the first records of each set",
}

// fromInfo makes sources of the data sets that the parameters name.
func (p *Params) fromInfo(events event.Stage) ([]Source, error) {
	dir := p.Input[0].Path
	infos, err := readInfo(dir)
	if err != nil {
		return nil, err
	}
	var out []Source
	for i, name := range p.Dataset {
		raw, ok := infos[name]
		if !ok {
			known := slices.Sorted(maps.Keys(infos))
			return nil, fault.New(fault.Recipe, "dataset %q is not in %s", name, infoFile).WithHint("%s", near(name, known))
		}
		s, ignored, err := sourceOf(name, dir, raw)
		if err != nil {
			return nil, fault.Wrap(fault.Recipe, fmt.Errorf("dataset %q of %s: %w", name, infoFile, err))
		}
		if len(ignored) > 0 {
			events.Info("fields of a data set have no effect", map[string]any{"dataset": name, "fields": ignored})
		}
		if len(p.InterleaveProbs) > 0 {
			s.Weight = &p.InterleaveProbs[i]
		}
		out = append(out, s)
	}
	return out, nil
}

func near(name string, known []string) string {
	if n := param.Near(name, known); n != "" {
		return "did you mean " + n + "?"
	}
	return "it has " + strings.Join(known, ", ")
}

func readInfo(dir string) (map[string]json.RawMessage, error) {
	path := filepath.Join(dir, infoFile)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.Data, "find input: %s holds no %s", dir, infoFile).WithHint("input is the folder with %s and the data beside it (LLaMA-Factory's dataset_dir)", infoFile)
	case err != nil:
		return nil, fmt.Errorf("find input: %w", err)
	case info.Size() > maxInfo:
		return nil, fault.New(fault.Data, "read %s: %d bytes are more than %d", path, info.Size(), maxInfo)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("find input: %w", err)
	}
	return parseInfo(text)
}

func parseInfo(text []byte) (map[string]json.RawMessage, error) {
	var infos map[string]json.RawMessage
	if err := json.Unmarshal(text, &infos); err != nil {
		return nil, fault.New(fault.Data, "read %s: %w", infoFile, err)
	}
	return infos, nil
}

// sourceOf is the source of a data set. ignored are fields that mean nothing here.
func sourceOf(name, dir string, raw json.RawMessage) (s Source, ignored []string, err error) {
	var d datasetInfo
	var all map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(raw, &d), json.Unmarshal(raw, &all)); err != nil {
		return s, nil, err
	}
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if way, ok := elsewhere[field]; ok && string(all[field]) != "null" && (d.FileName == "" || !strings.HasSuffix(field, "url")) {
			return s, nil, fault.New(fault.Recipe, "%s is not read", field).WithHint("%s", way)
		}
		if !slices.Contains([]string{"file_name", "formatting", "ranking", "columns", "tags", "split"}, field) {
			ignored = append(ignored, field)
		}
	}
	roles := map[string][]string{"alpaca": {"prompt", "query", "response", "history", "system"}, "sharegpt": {"messages", "system", "tools"}}
	s.Style = d.Formatting
	if s.Style == "" {
		s.Style = "alpaca"
	}
	switch {
	case d.FileName == "":
		return s, nil, errors.New("file_name is missing")
	case !filepath.IsLocal(filepath.FromSlash(d.FileName)):
		return s, nil, fmt.Errorf("file_name %q leads out of the folder", d.FileName)
	case roles[s.Style] == nil:
		return s, nil, fmt.Errorf("formatting %q: want alpaca or sharegpt", d.Formatting)
	case d.Ranking:
		return s, nil, fault.New(fault.Recipe, "ranking sets have two answers").WithHint("style %s_pairwise with the file as input", s.Style)
	case d.Split != "" && d.Split != "train":
		return s, nil, fmt.Errorf("split %q: a file has train only", d.Split)
	}
	s.Input = []artifact.Ref{{Path: filepath.Join(dir, filepath.FromSlash(d.FileName)), Label: name}}
	s.Tags = d.Tags
	if len(d.Columns) > 0 {
		s.MapKeys = map[string]string{}
		for _, role := range roles[s.Style] {
			s.MapKeys[role] = ""
		}
		maps.Copy(s.MapKeys, d.Columns)
	}
	return s, ignored, nil
}
