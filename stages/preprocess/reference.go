package preprocess

import (
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// Reference are options of the reference's script that change nothing of its output, or that have
// no counterpart here; each says so when it is given.
type Reference struct {
	Streaming        bool   `yaml:"streaming" key:"no" doc:"no effect: data is always streamed"`
	CacheDir         string `yaml:"cache_dir" key:"no" doc:"no effect: belay keeps no copies of the data"`
	OverwriteCache   bool   `yaml:"overwrite_cache" key:"no" doc:"no effect: a stage runs again when its input or parameters change (belay run --force does it anyway)"`
	DatasetImpl      string `yaml:"dataset_impl" key:"no" doc:"no effect: indexes are always of the mmap kind"`
	LogInterval      int    `yaml:"log_interval" alias:"interval" key:"no" doc:"no effect: progress is shown by time"`
	DivisibleBy      int    `yaml:"make_vocab_size_divisible_by" key:"no" doc:"no effect on data; it is a parameter of training and conversion"`
	PadVocabSizeTo   int    `yaml:"pad_vocab_size_to" key:"no" doc:"no effect on data; it is a parameter of training and conversion"`
	DatasetDir       string `yaml:"dataset_dir" doc:"refused: input is the folder with dataset_info.json, and dataset names the sets"`
	HFDatasetsParams string `yaml:"hf_datasets_params" doc:"refused: belay reads files; name them in input or sources"`
}

// check refuses what would change the output in the reference.
func (r *Reference) check() error {
	if r.DatasetDir != "" {
		return fault.New(fault.Recipe, "dataset_dir is input here, and the names of the sets are dataset").
			WithHint("input: %s, dataset: [NAME, ...], style: llamafactory", r.DatasetDir)
	}
	if r.HFDatasetsParams != "" {
		return fault.New(fault.Recipe, "hf_datasets_params is not read: it holds arguments for Hugging Face's load_dataset").
			WithHint("name the files in input, or in sources with files, columns and max_samples")
	}
	return nil
}

// report says which options have no effect.
func (r *Reference) report(p *Params, k handler.Kind, events event.Stage) {
	var names []string
	for _, o := range []struct {
		name  string
		given bool
	}{
		{"streaming", r.Streaming}, {"cache_dir", r.CacheDir != ""}, {"overwrite_cache", r.OverwriteCache}, {"dataset_impl", r.DatasetImpl != ""},
		{"log_interval", r.LogInterval != 0}, {"make_vocab_size_divisible_by", r.DivisibleBy != 0}, {"pad_vocab_size_to", r.PadVocabSizeTo != 0},
		{"json_keys", len(p.JSONKeys) > 0 && !k.Keyed}, {"map_keys", len(p.MapKeys) > 0 && !k.Templated}, // with compat
	} {
		if o.given {
			names = append(names, o.name)
		}
	}
	if len(names) > 0 {
		events.Info("parameters have no effect on the data", map[string]any{"parameters": names})
	}
}
