package preprocess

import (
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// Learning are the parameters that choose what of a conversation is learned, as in LLaMA-Factory.
type Learning struct {
	TrainOnPrompt bool `yaml:"train_on_prompt" doc:"learn the prompts as well as the answers"`
	MaskHistory   bool `yaml:"mask_history" doc:"learn the last answer of a conversation only; on_long proportional then cuts the earlier rounds first"`
}

// learn is which labels samples get.
func (l *Learning) learn() chat.Learn {
	switch {
	case l.TrainOnPrompt:
		return chat.Everything
	case l.MaskHistory:
		return chat.LastAnswer
	}
	return chat.Answers
}

// check refuses what does not go together.
func (l *Learning) check(p *Params, k handler.Kind) error {
	for name, on := range map[string]bool{"train_on_prompt": l.TrainOnPrompt, "mask_history": l.MaskHistory} {
		switch {
		case !on:
		case !k.Templated:
			return fault.New(fault.Recipe, "%s means nothing with style %s", name, k.Style).WithHint("style alpaca or sharegpt")
		case k.Pairs:
			return fault.New(fault.Recipe, "%s means nothing with style %s, of which only the two last answers are learned", name, k.Style)
		case p.compat():
			return fault.New(fault.Recipe, "%s cannot be had with compat rc3, which learns every answer and nothing else", name)
		case l.TrainOnPrompt && l.MaskHistory:
			return fault.New(fault.Recipe, "train_on_prompt and mask_history exclude each other")
		}
	}
	return nil
}
