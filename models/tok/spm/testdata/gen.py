#!/usr/bin/env python3
"""Trains tiny SentencePiece models with many combinations of options and writes what the library makes of random
texts. Made with Python 3.11, sentencepiece 0.2.0, protobuf not needed.

  python gen.py OUT [texts a model, default 25]

With 25 texts or fewer, of the models with a large table of characters only two are kept: that makes this folder.
OUT gets one NAME.model and one NAME.jsonl a model: {"text", "ids", "decoded"}; cases with "decode" hold ids to decode only.
"""
import io, itertools, json, os, random, struct, sys
import sentencepiece as spm

out, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 25
os.makedirs(out, exist_ok=True)
rng = random.Random(20261125)
WORDS = ("the model reads a text and cuts it into pieces that it knows of data from training with numbers 12 345 naïve café "
         "Größe привет мир как дела 数据 模型 训练 文本 语言 日本語 テスト 한국어 مرحبا שלום नमस्ते ＡＢＣ ﬁne Å ① ㌔ e\u0301 x² … — “q”").split()
SYLLABLES = "an na ra ar ta at en ne re er te et in ni on no st th ing er un ba ab 数据 据数 模 型模 型".split()
WORDS += ["".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 5))) for _ in range(500)]
CHARS = list("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789.,;:!?'\"-_()[]{}<>/\\|@#$%^&*+=~`") + list(
    "éèüßñçøåÅΩπδжщыэ数据模型语言日本한국مرש่กिनि①㌔ﬁＡｂ３\u0301\u0308\u200b\u200d\u3000\u00a0\u2028▁▁▁⁇😀👩🏽‍💻🇩🇪\x00\x01\x7f\ufffd\ufeff")
CONTROLS = ["<s>", "</s>", "<unk>", "<0x41>", "<sep>", "<user>", "▁<user>", "ab c", "\n", "\t", "\r\n", "  ", "    "]


def sentence():
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 12)))


def text():
    kind = rng.random()
    if kind < 0.25:
        return sentence()
    parts = []
    for _ in range(rng.randint(0, 14)):
        r = rng.random()
        if r < 0.4: parts.append(rng.choice(WORDS))
        elif r < 0.6: parts.append("".join(rng.choice(CHARS) for _ in range(rng.randint(1, 6))))
        elif r < 0.7: parts.append(rng.choice(CONTROLS))
        elif r < 0.9: parts.append(" " * rng.randint(1, 3))
        else: parts.append(chr(rng.choice([rng.randint(32, 0x2ff), rng.randint(0x370, 0x1fff), rng.randint(0x2000, 0xd7ff), rng.randint(0xe000, 0xffff), rng.randint(0x10000, 0x1ffff)])))
    return "".join(parts)


def varint(n):
    b = b""
    while n > 127:
        b += bytes([n & 127 | 128]); n >>= 7
    return b + bytes([n])


def pieces(blob):
    """Where the pieces of a serialized model lie: (start, end) of each message."""
    i, found = 0, []
    def read():
        nonlocal i
        n = shift = 0
        while True:
            c = blob[i]; i += 1
            n |= (c & 127) << shift; shift += 7
            if c < 128: return n
    while i < len(blob):
        start = i
        tag = read()
        size = read()
        i += size
        if tag == 10: found.append((start, i))
    return found


def change(blob, edit):
    """Writes the pieces anew: edit(index, text, score, type) gives the three back."""
    spans, res, at = pieces(blob), b"", 0
    model = spm.SentencePieceProcessor(model_proto=blob)
    for k, (a, b) in enumerate(spans):
        res += blob[at:a]; at = b
        kind = 2 if model.is_unknown(k) else 3 if model.is_control(k) else 5 if model.is_unused(k) else 6 if model.is_byte(k) else 1
        t, s, kind = edit(k, model.id_to_piece(k), model.get_score(k), kind)
        body = b"\x0a" + varint(len(t.encode())) + t.encode() + b"\x15" + struct.pack("<f", s) + b"\x18" + varint(kind)
        res += b"\x0a" + varint(len(body)) + body
    return res + blob[at:]


corpus = [sentence() for _ in range(3000)]
TYPES = ("bpe", "unigram")
base = dict(vocab_size=480, character_coverage=0.995, hard_vocab_limit=False)
options = {
    "plain": {},
    "identity": dict(normalization_rule_name="identity"),
    "llama": dict(normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True, split_digits=True, allow_whitespace_only_pieces=True),
    "gemma": dict(normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True, add_dummy_prefix=False, split_digits=True,
                  user_defined_symbols=["<user>", "\n", "▁▁", "▁▁▁", "▁▁▁▁"], pad_id=0, eos_id=1, bos_id=2, unk_id=3),
    "nfkc_cf": dict(normalization_rule_name="nmt_nfkc_cf"),
    "nfkc_user": dict(normalization_rule_name="nfkc", user_defined_symbols=["<user>", "ab c", "ﬁ"], control_symbols=["<sep>"]),
    "suffix": dict(normalization_rule_name="identity", treat_whitespace_as_suffix=True),
    "nodummy": dict(add_dummy_prefix=False, byte_fallback=True),
    "spaces": dict(normalization_rule_name="identity", remove_extra_whitespaces=False, user_defined_symbols=["the", "him"]),
    "noescape": dict(split_by_whitespace=False, split_by_unicode_script=False, split_by_number=False),
    "ids": dict(normalization_rule_name="identity", unk_id=5, bos_id=-1, eos_id=0, pad_id=3, unk_surface="[?]", unk_piece="[UNK]", character_coverage=0.98),
}
for kind, (name, more) in itertools.product(TYPES, options.items()):
    w = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_writer=w, model_type=kind, minloglevel=2, **{**base, **more})
    blobs = {f"{kind}_{name}": w.getvalue()}
    if name in ("plain", "llama"):
        last = rng.randint(0, 1 << 30)
        def unused(k, t, s, type_):
            return t, s, 5 if type_ == 1 and len(t) > 1 and (k * 7 + last) % 5 == 0 else type_
        def equal(k, t, s, type_):
            return t, float(int(s / 4) * 4) if s else s, type_
        def both(k, t, s, type_):
            return equal(k, *unused(k, t, s, type_))
        def holes(k, t, s, type_):
            return (t + "\ue000", s, type_) if type_ == 1 and len(t) == 1 and t in "etоa据" else (t, s, type_)
        blobs[f"{kind}_{name}_unused"] = change(w.getvalue(), unused)
        blobs[f"{kind}_{name}_equal"] = change(w.getvalue(), equal)
        blobs[f"{kind}_{name}_both"] = change(w.getvalue(), both)
        blobs[f"{kind}_{name}_holes"] = change(w.getvalue(), holes)
    for name_, blob in blobs.items():
        if count <= 25 and len(blob) > 100_000 and name_ not in ("bpe_plain", "unigram_nfkc_user"):
            continue
        sp = spm.SentencePieceProcessor(model_proto=blob)
        open(os.path.join(out, name_ + ".model"), "wb").write(blob)
        with open(os.path.join(out, name_ + ".jsonl"), "w") as f:
            for _ in range(count):
                t = text()
                ids = sp.encode(t)
                f.write(json.dumps(dict(text=t, ids=ids, decoded=sp.decode(ids))) + "\n")
                ids = [rng.randrange(sp.get_piece_size()) for _ in range(rng.randint(0, 12))]
                f.write(json.dumps(dict(decode=ids, decoded=sp.decode(ids))) + "\n")
