"""Opens token indexes with megatron-core and prints what it reads, for TestMegatronCoreReadsTheSame.

Arguments: one JSON text {"indexes": [prefix...], "gpt": [{"prefixes", "weights", "split", "seq", "seed", "sizes"}...], "cache": folder}.
Prints {"lacks": why} when megatron-core or what it needs cannot be imported. Passed with megatron-core 0.16.1, numpy 2.4.6, torch 2.15.0.
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

try:
    import numpy
    import torch
    import megatron.core
    from megatron.core.datasets.indexed_dataset import IndexedDataset
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
except ImportError as e:
    print(json.dumps({"lacks": str(e)}))
    sys.exit()


class Tokenizer:
    """What a GPT data set asks of a tokenizer."""

    eod = 2
    pad = -1
    vocab_size = 1 << 16
    unique_identifiers = {"class": "Tokenizer"}


def index(prefix):
    d = IndexedDataset(prefix, multimodal=False, mmap=True)
    return {
        "dtype": numpy.dtype(d.index.dtype).name,
        "lengths": d.sequence_lengths.tolist(),
        "documents": d.document_indices.tolist(),
        "sequences": [d[i].tolist() for i in range(len(d))],
    }


def items(d):
    out = []
    for i in range(len(d)):
        one = d[i]
        out.append(one["tokens"].tolist() + one["labels"].tolist()[-1:])
    return out


def gpt(case, cache):
    weights = case["weights"]
    config = GPTDatasetConfig(
        random_seed=case["seed"],
        sequence_length=case["seq"],
        blend=(case["prefixes"], weights),
        split=case["split"],
        path_to_cache=None if weights else cache,  # with a cache, blending wants process groups
        tokenizer=Tokenizer(),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
    )
    parts = BlendedMegatronDatasetBuilder(GPTDataset, case["sizes"], lambda: True, config).build()
    return [None if d is None else items(d) for d in parts]


def main():
    asked = json.loads(sys.argv[1])
    print(
        json.dumps(
            {
                "versions": f"megatron-core {megatron.core.__version__}, numpy {numpy.__version__}, torch {torch.__version__}",
                "indexes": [index(p) for p in asked["indexes"]],
                "gpt": [gpt(c, asked["cache"]) for c in asked["gpt"]],
            }
        )
    )


main()
