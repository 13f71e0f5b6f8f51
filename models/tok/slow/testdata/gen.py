#!/usr/bin/env python3
"""Writes tokenizer directories for transformers' slow classes over the models of ../../spm/testdata, and what the classes
make of random texts. Made with Python 3.11, transformers 4.43.2, sentencepiece 0.2.0, protobuf 3.20.3.

  python gen.py OUT [texts a directory, default 30]
"""
import json, os, random, shutil, sys
from transformers import LlamaTokenizer, CodeLlamaTokenizer, GemmaTokenizer

out, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30
models = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../spm/testdata")
rng = random.Random(5)
WORDS = "the model reads it and cuts naïve мир 数据 模型 x1 12 <s> </s> <unk> <x> <y> <z> <pad> word <start_of_turn> ▁<PRE> ▁<EOT> <|im_end|> [PAD]".split()
BLANKS = ["", " ", " ", "  ", "\n", "\t", "▁", "\x1c", "\u3000"]


def text():
    return "".join(rng.choice(BLANKS) + rng.choice(WORDS) for _ in range(rng.randint(0, 7))) + rng.choice(BLANKS)


def token(text, special=True, **flags):
    return dict(content=text, lstrip=False, rstrip=False, single_word=False, normalized=False, special=special) | flags


base = {str(i): token(t) for i, t in enumerate(["<unk>", "<s>", "</s>"])}
more = base | {"480": token("<x>", lstrip=True), "481": token("<y>", rstrip=True, special=False), "482": token("<z>", single_word=True, special=False),
               "483": token("word", special=False, lstrip=True, rstrip=True), "484": token("<|im_end|>")}
llama = dict(tokenizer_class="LlamaTokenizer", clean_up_tokenization_spaces=False)
cases = {
    "legacy": (LlamaTokenizer, "bpe_llama", llama | dict(added_tokens_decoder=base, legacy=True)),
    "default": (LlamaTokenizer, "bpe_llama", llama | dict(add_eos_token=True, pad_token="[PAD]")),
    "nonlegacy": (LlamaTokenizer, "bpe_llama", llama | dict(added_tokens_decoder=base, legacy=False)),
    "noprefix": (LlamaTokenizer, "bpe_llama", llama | dict(added_tokens_decoder=base, legacy=False, add_prefix_space=False)),
    "added": (LlamaTokenizer, "bpe_llama", llama | dict(added_tokens_decoder=more, legacy=True, additional_special_tokens=["<x>", "<|im_end|>"])),
    "added_nonlegacy": (LlamaTokenizer, "bpe_llama", llama | dict(added_tokens_decoder=more, legacy=False, add_bos_token=False)),
    "squeezed": (LlamaTokenizer, "bpe_plain", llama | dict(legacy=False)),
    "code": (CodeLlamaTokenizer, "bpe_llama", llama | dict(tokenizer_class="CodeLlamaTokenizer", added_tokens_decoder=base, additional_special_tokens=["▁<PRE>", "▁<MID>", "▁<SUF>", "▁<EOT>"])),
    "gemma": (GemmaTokenizer, "bpe_gemma", dict(tokenizer_class="GemmaTokenizer", clean_up_tokenization_spaces=False, bos_token="<s>", eos_token="</s>", additional_special_tokens=["<start_of_turn>"])),
}
for name, (cls, model, config) in cases.items():
    d = os.path.join(out, name)
    os.makedirs(d, exist_ok=True)
    shutil.copy(os.path.join(models, model + ".model"), os.path.join(d, "tokenizer.model"))
    json.dump(config, open(os.path.join(d, "tokenizer_config.json"), "w"), indent=1)
    t = cls.from_pretrained(d)
    with open(os.path.join(d, "cases.jsonl"), "w") as f:
        for _ in range(count):
            s = text()
            ids, plain = t(s)["input_ids"], t(s, add_special_tokens=False)["input_ids"]
            some = [rng.randrange(t.vocab_size) if rng.random() < 0.7 else rng.choice(list(t.added_tokens_decoder)) for _ in range(rng.randint(1, 9))]
            f.write(json.dumps(dict(text=s, ids=ids, plain=plain, decode=some, all=[t.decode(ids), t.decode(ids, skip_special_tokens=True),
                                    t.decode(some), t.decode(some, skip_special_tokens=True)])) + "\n")
