package all

import (
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/stages/benchmark"
	"github.com/belay-ml/belay/stages/command"
	"github.com/belay-ml/belay/stages/convert"
	"github.com/belay-ml/belay/stages/finetune"
	"github.com/belay-ml/belay/stages/generate"
	"github.com/belay-ml/belay/stages/hfdownload"
	"github.com/belay-ml/belay/stages/preprocess"
	"github.com/belay-ml/belay/stages/pretrain"
	"github.com/belay-ml/belay/stages/reindex"
)

// Stages lists every stage in the order of the documentation.
func Stages() []engine.Stage {
	return []engine.Stage{
		hfdownload.Stage{},
		preprocess.Stage{},
		reindex.Stage{},
		convert.Stage{},
		pretrain.Stage{},
		finetune.Stage{},
		generate.Stage{},
		benchmark.Stage{},
		command.Stage{},
	}
}
