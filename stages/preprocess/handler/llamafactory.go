package handler

import "errors"

func llamafactoryKind() Kind {
	return Kind{
		Style: "llamafactory", Reference: "LlamaFactoryInstructionHandler",
		Doc:       "data sets of LLaMA-Factory's dataset_info.json, each of style alpaca or sharegpt as it says, through a prompt template",
		Templated: true, Instruction: true, Catalog: true,
		New: func(Options) (Handler, error) {
			return nil, errors.New("style llamafactory is for data sets of a dataset_info.json, whose records are of style alpaca or sharegpt")
		},
	}
}
