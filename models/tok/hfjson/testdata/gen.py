#!/usr/bin/env python3
"""Builds tiny tokenizer.json files of many kinds and writes what the library makes of random texts.
Made with Python 3.11, tokenizers 0.19.1, sentencepiece 0.2.0 (for its table of characters).

  python gen.py OUT.jsonl [texts a tokenizer, default 20]

A line: {"name", "json", "cases": [{"text", "ids", "plain", "all", "text_of"}]}: ids with and without special tokens, decoded ids
with special tokens and without, and the text of other ids.
"""
import base64, io, json, random, struct, sys
import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

out, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
rng = random.Random(11)
SYLLABLES = "an na ra ar ta at en ne re er te et in ni on no st th ing un ba ab 数据 模 型 при вет é ü".split()
WORDS = ("The model reads a TEXT and cuts it into pieces naïve café Größe Привет мир 数据 模型 ＡＢＣ ﬁne Å ① e\u0301 x² İstanbul 한국어 नमस्ते "
         "don't I'm we'll x1 12 3456 foo_bar a.b, c! (d) [e] <x> <y> <z> <s> ▁").split()
WORDS += ["".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 4))) for _ in range(200)]
ODD = list("\t\n\r\x00\x01\x7f\x85\u00a0\u200b\u200d\u2028\u3000\ufeff\ufffd\u0301\u0308▁#'\"«»—…·٣५Ⅷ\U0001F600\U0001F1E9\U0001F1EA\u1100\u1161\u0600\u0903") + ["\r\n", "©\ufe0f", "👩🏽\u200d💻", "##", "  ", "\r\u0301"]


def text():
    s = ""
    for _ in range(rng.randint(0, 9)):
        r = rng.random()
        s += rng.choice(WORDS) if r < 0.7 else rng.choice(ODD) if r < 0.9 else chr(rng.choice([rng.randint(1, 0x52f), rng.randint(0x900, 0x2fff), rng.randint(0x1e00, 0x1fff), rng.randint(0x3000, 0x9fff), rng.randint(0x1f300, 0x1f6ff)]))
        s += rng.choice(["", " ", " ", " ", "  ", "\n"])
    return s


corpus = [" ".join(rng.choice(WORDS) for _ in range(10)) for _ in range(600)]
w = io.BytesIO()
spm.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_writer=w, vocab_size=200, minloglevel=2, hard_vocab_limit=False, character_coverage=0.98)
blob = w.getvalue()
at = blob.index(b"nmt_nfkc") + len("nmt_nfkc")  # the table is the next field
assert blob[at] == 0x12
size, shift, at = 0, 0, at + 1
while True:
    c = blob[at]; at += 1
    size |= (c & 127) << shift; shift += 7
    if c < 128: break
CHARSMAP = blob[at:at + size]
HEX = [f"<0x{b:02X}>" for b in range(256)]
N, P, D = normalizers, pre_tokenizers, decoders


def unigram(norm, pre, dec, byte_fallback=False, unk="<unk>", **more):
    t = Tokenizer(models.Unigram())
    if norm: t.normalizer = norm
    if pre: t.pre_tokenizer = pre
    t.train_from_iterator(corpus, trainers.UnigramTrainer(vocab_size=180, special_tokens=["<s>", "</s>", "<unk>"], unk_token=unk, show_progress=False))
    j = json.loads(t.to_str())
    if byte_fallback:
        j["model"]["byte_fallback"] = True
        j["model"]["vocab"] += [[h, 0.0] for h in HEX]
    t = Tokenizer.from_str(json.dumps(j))
    t.decoder = dec
    return t


def bpe(norm, pre, dec, alphabet=(), edit=None, **options):
    t = Tokenizer(models.BPE(unk_token="<unk>", **options))
    if norm: t.normalizer = norm
    if pre: t.pre_tokenizer = pre
    sub = dict(continuing_subword_prefix=options["continuing_subword_prefix"]) if "continuing_subword_prefix" in options else {}
    end = dict(end_of_word_suffix=options["end_of_word_suffix"]) if "end_of_word_suffix" in options else {}
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=600 if not pre or alphabet else 300, special_tokens=["<unk>", "<s>", "</s>"] + (HEX if options.get("byte_fallback") else []),
                                                      initial_alphabet=list(alphabet), show_progress=False, **sub, **end))
    j = json.loads(t.to_str())  # the trainer writes merges of tokens that it then leaves out
    vocab = j["model"]["vocab"]
    j["model"]["merges"] = [m for m in j["model"]["merges"] if m.count(" ") == 1 and all(x in vocab for x in m.split(" ")) and
                            m.split(" ")[0] + m.split(" ")[1][len(options.get("continuing_subword_prefix", "")):] in vocab]
    t = Tokenizer.from_str(json.dumps(j))
    t.decoder = dec
    return t


def wordpiece(norm, pre, **options):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer, t.decoder = norm, pre, D.WordPiece(cleanup=options.get("cleanup", True))
    t.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=320, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False))
    t.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return t


def framed(t, before="<s>", after=None):
    items = ([before] if before else []) + ["$A"] + ([after] if after else [])
    t.post_processor = processors.TemplateProcessing(single=" ".join(items), pair=" ".join(items) + " $B:1", special_tokens=[(x, t.token_to_id(x)) for x in ("<s>", "</s>")])
    return t


def with_added(t):
    t.add_special_tokens([AddedToken("<x>", lstrip=True), AddedToken("<y>", rstrip=True, normalized=True)])
    t.add_tokens([AddedToken("<z>", single_word=True), AddedToken("naïve café"), AddedToken("foo", normalized=False)])
    return t


llama_dec = lambda: D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
bl = P.ByteLevel.alphabet()
sets = {
    "unigram": framed(unigram(N.Sequence([N.Nmt(), N.NFKC(), N.Replace(Regex(" {2,}"), " ")]), P.Metaspace(), D.Metaspace())),
    "unigram_precompiled": unigram(N.Precompiled(CHARSMAP), P.Sequence([P.WhitespaceSplit(), P.Metaspace()]), D.Metaspace()),
    "unigram_bytes": with_added(unigram(N.Replace(" ", "▁"), None, llama_dec(), byte_fallback=True)),
    "unigram_first": framed(with_added(unigram(None, P.Metaspace(prepend_scheme="first", split=False), D.Metaspace(prepend_scheme="first"))), after="</s>"),
    "unigram_never": unigram(N.NFD(), P.Metaspace(prepend_scheme="never"), D.Metaspace(prepend_scheme="never")),
    "unigram_byte_level": unigram(None, P.ByteLevel(), D.ByteLevel()),
    "bert": wordpiece(N.BertNormalizer(), P.BertPreTokenizer()),
    "bert_cased": wordpiece(N.BertNormalizer(lowercase=False, strip_accents=False), P.BertPreTokenizer(), cleanup=False),
    "bert_raw": wordpiece(N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False), P.Sequence([P.Whitespace(), P.Digits(True)])),
    "llama": framed(with_added(bpe(N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, llama_dec(), byte_fallback=True, fuse_unk=True))),
    "gemma3": bpe(N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous"), D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()]), byte_fallback=True, fuse_unk=True),
    "metaspace_bpe": with_added(bpe(None, P.Metaspace(prepend_scheme="first", split=True), D.Metaspace(prepend_scheme="first"))),
    "suffix": bpe(N.Lowercase(), P.Whitespace(), D.BPEDecoder("</w>"), end_of_word_suffix="</w>"),
    "prefix": bpe(N.StripAccents(), P.Punctuation(), D.WordPiece(), continuing_subword_prefix="##"),
    "gpt2": with_added(bpe(None, P.ByteLevel(add_prefix_space=True), D.ByteLevel(), alphabet=bl)),
    "deepseek": bpe(None, P.Sequence([P.Split(Regex("[\r\n]"), "isolated"), P.Split(Regex("\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿά-ώА-яҊ-ԯ]+"), "isolated"),
                         P.Split(Regex("\\s?[!-/:-~！-／：-～‘-‟　-。]+"), "isolated"), P.Split(Regex("\\s+$"), "isolated"), P.Split(Regex("[一-龥ࠀ-一가-퟿]+"), "isolated"), P.Digits(True), P.ByteLevel(False, use_regex=False)]), D.ByteLevel(), alphabet=bl),
    "deepseek3": bpe(None, P.Sequence([P.Split(Regex("\\p{N}{1,3}"), "isolated"), P.Split(Regex("[一-龥぀-ゟ゠-ヿ]+"), "isolated"),
                         P.Split(Regex("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"), "isolated"), P.ByteLevel(False, use_regex=False)]), D.ByteLevel(), alphabet=bl),
    "behaviors": bpe(N.Strip(), P.Sequence([P.Split(Regex("[aeiou]"), "merged_with_next"), P.Split("n", "merged_with_previous"), P.Split(Regex("\\d"), "contiguous"), P.CharDelimiterSplit("_"), P.Split(Regex("\\w+"), "removed", invert=True)]), D.Fuse()),
}
for scheme in ("NFC", "NFD", "NFKC", "NFKD"):
    sets[scheme.lower()] = bpe(getattr(N, scheme)(), P.ByteLevel(False), D.ByteLevel(), alphabet=bl)
words = Tokenizer(models.WordLevel(unk_token="<unk>"))
words.pre_tokenizer = P.Whitespace()
words.train_from_iterator(corpus, trainers.WordLevelTrainer(vocab_size=120, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False))
sets["word_level"] = words
# an unknown character costs 10 less than the least score; equal sums
sets["unigram_scores"] = Tokenizer(models.Unigram([("<unk>", 0.0), ("a", 4.0), ("b", 4.0), ("axb", -1.0), ("ab", 8.0), ("aab", 12.0), ("aa", 8.0)], 0, False))
FIXED = ["①\u0301x", "①\u0301\u0301", "\r\n a", "①\u20dd①", "axb", "axbaab", "aabab a"]
with open(out, "w") as f:
    for name, t in sets.items():
        t = Tokenizer.from_str(t.to_str())
        cases = []
        while len(cases) < count:
            s = FIXED[len(cases)] if len(cases) < len(FIXED) else text()
            ids, plain = t.encode(s).ids, t.encode(s, add_special_tokens=False).ids
            other = [rng.randrange(t.get_vocab_size()) for _ in range(rng.randint(1, 8))]
            cases.append(dict(text=s, ids=ids, plain=plain, all=[t.decode(ids, skip_special_tokens=False), t.decode(ids, skip_special_tokens=True)], other=other, text_of=t.decode(other, skip_special_tokens=False)))
        f.write(json.dumps(dict(name=name, json=json.loads(t.to_str()), cases=cases), separators=(",", ":"), ensure_ascii=False) + "\n")
