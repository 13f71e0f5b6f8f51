#!/usr/bin/env python3
"""belay's tokenizers beside Hugging Face's tokenizers, the C++ sentencepiece and tiktoken, on the same lines in one run.

  go build -o /tmp/encode ./testdata/bench/tok/encode
  BELAY_PEERS_PYTHON=/path/venv/bin/python python3 testdata/bench/tok/bench.py --bin /tmp/encode --shared ../shared --work /tmp/w [--reps 5]

The venv has tokenizers, sentencepiece and tiktoken. One thread each; the figure is MB of text a second of CPU time (user and
system) of the encoding alone, in a fresh process: `first` for the first pass over the lines, `later` for the best of two more.
`distinct` is real text (English, Chinese, code) in which no line comes twice; `repeating` is one small part of it again and again.
Belay and its peer take turns; medians are shown. The ids are compared by their count and sum.
"""
import argparse, csv, glob, gzip, json, os, random, statistics, subprocess, sys

PEER = r'''
import json, os, resource, sys
kind, path, lines, passes = sys.argv[1:5]
os.environ["TOKENIZERS_PARALLELISM"] = "false"; os.environ["RAYON_NUM_THREADS"] = "1"
def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF); return r.ru_utime + r.ru_stime
texts = [json.loads(l) for l in open(lines, encoding="utf-8")]
if kind == "hf":
    from tokenizers import Tokenizer
    t = Tokenizer.from_file(path + "/tokenizer.json")
    call = lambda: t.encode_batch(texts, add_special_tokens=False)
    count = lambda r: (sum(len(e.ids) for e in r), sum(sum(e.ids) for e in r))
elif kind == "sp":
    import sentencepiece
    t = sentencepiece.SentencePieceProcessor(model_file=path + "/tokenizer.model")
    call = lambda: t.encode(texts, num_threads=1)
    count = lambda r: (sum(map(len, r)), sum(map(sum, r)))
else:
    import base64, unicodedata, tiktoken
    e = json.load(open(path + "/encoding.json"))
    ranks = {base64.b64decode(l.split()[0]): int(l.split()[1]) for l in open(path + "/qwen.tiktoken", "rb") if l.strip()}
    t = tiktoken.Encoding("qwen", pat_str=e["pattern"], mergeable_ranks=ranks, special_tokens=e["special_tokens"])
    call = lambda: [t.encode(unicodedata.normalize("NFC", x), allowed_special="all") for x in texts]
    count = lambda r: (sum(map(len, r)), sum(map(sum, r)))
secs = []
for _ in range(int(passes)):
    a = cpu(); r = call(); secs.append(cpu() - a)
n, s = count(r)
print(json.dumps(dict(seconds=secs, ids=n, sum=s, bytes=sum(len(x.encode()) for x in texts))))
'''


def parts(shared):
    """English, Chinese and code, a paragraph or file part a text, each once."""
    d = os.path.join(shared, "data")
    en, zh, code = [], [], []
    for l in open(d + "/text/c4_demo.jsonl"): en += json.loads(l)["text"].split("\n")
    en += open(d + "/text/wiki_part.txt").read().split("\n") + open(d + "/text/tinyshakespeare.txt").read().split("\n\n")
    for f in sorted(glob.glob(d + "/mmlu/test/*.csv")):
        for row in csv.reader(open(f, encoding="utf-8", errors="replace")): en.append("\n".join(row))
    for f in sorted(glob.glob(d + "/agieval/*.jsonl")):
        chinese = any(k in f for k in ("gaokao", "jec", "zh")) and "gaokao-english" not in f
        for l in open(f):
            r = json.loads(l)
            t = "\n".join(str(r.get(k) or "") for k in ("passage", "question")) + "\n" + "\n".join(r.get("options") or [])
            (zh if chinese else en).append(t)
    for f in sorted(glob.glob(d + "/ceval/*/*.csv")):
        for row in csv.reader(open(f, encoding="utf-8")): zh.append("\n".join(row))
    for l in gzip.open(d + "/humaneval/HumanEval.jsonl.gz"):
        r = json.loads(l); code.append(r["prompt"] + r["canonical_solution"] + r["test"])
    root = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True).stdout.strip()
    for f in sorted(glob.glob(root + "/src/net/http/*.go") + glob.glob(root + "/src/go/types/*.go")):
        t = open(f, encoding="utf-8", errors="replace").read()
        code += [t[i:i + 3000] for i in range(0, len(t), 3000)]
    for f in sorted(glob.glob(os.path.dirname(os.__file__) + "/*.py")):
        t = open(f, encoding="utf-8", errors="replace").read()
        code += [t[i:i + 3000] for i in range(0, len(t), 3000)]
    return en, zh, code


def texts(shared, work):
    rng = random.Random(1)
    out = {}
    def write(name, lines):
        p = os.path.join(work, name + ".jsonl")
        with open(p, "w", encoding="utf-8") as f:
            for t in lines: f.write(json.dumps(t, ensure_ascii=False) + "\n")
        out[name] = p
    seen, all_ = set(), {}
    for name, group in zip(("english", "chinese", "code"), parts(shared)):
        keep, size = [], 0
        rng.shuffle(group)
        for t in group:
            if not t.strip() or t in seen: continue
            lines = [l for l in t.split("\n") if l not in seen or not l.strip()]
            seen.update(lines); seen.add(t)
            t = "\n".join(lines)
            if not t.strip(): continue
            keep.append(t); size += len(t.encode())
            if size > 2_500_000: break
        all_[name] = keep
    for name, keep in all_.items(): write("distinct-" + name, keep)
    mixed = [t for k in all_.values() for t in k]
    rng.shuffle(mixed)
    write("distinct", mixed)
    small = mixed[:60]
    write("repeating", [rng.choice(small) for _ in range(len(mixed))])
    return out


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--bin", required=True); a.add_argument("--shared", required=True); a.add_argument("--work", required=True)
    a.add_argument("--reps", type=int, default=5); a.add_argument("--only", default="")
    o = a.parse_args()
    python = os.environ["BELAY_PEERS_PYTHON"]
    os.makedirs(o.work, exist_ok=True)
    lines = texts(o.shared, o.work)
    real = os.path.join(o.shared, "goldens", "tokenizers_real")
    print(f"{'tokenizer':15}{'text':19}{'MB':>6} {'belay first/later':>20} {'peer first/later':>20} {'ratio':>13}  ids")
    for name, kind in (("llama3", "hf"), ("qwen2_5", "hf"), ("llama2", "hf"), ("sp_mistral_v1", "sp"), ("unigram", "sp"), ("tiktoken_qwen", "tt")):
        path = os.path.join(real, name)
        if name == "unigram":
            path = os.path.join(o.work, "unigram")
            train(python, path, lines["distinct"])
        if o.only and name not in o.only.split(","): continue
        for text, p in lines.items():
            res = {"belay": [], "peer": []}
            for _ in range(o.reps):
                res["belay"].append(json.loads(subprocess.run([o.bin, path, p, "3"], check=True, capture_output=True, text=True, env=os.environ | {"GOMAXPROCS": "1"}).stdout))
                res["peer"].append(json.loads(subprocess.run([python, "-c", PEER, kind, path, p, "3"], check=True, capture_output=True, text=True,
                                                             env=os.environ | {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}).stdout))
            b, q = res["belay"][0], res["peer"][0]
            mb = b["bytes"] / 1e6
            first = {k: statistics.median(mb / x["seconds"][0] for x in v) for k, v in res.items()}
            later = {k: statistics.median(mb / min(x["seconds"][1:]) for x in v) for k, v in res.items()}
            same = (b["ids"], b["sum"], b["bytes"]) == (q["ids"], q["sum"], q["bytes"])
            print(f"{name:15}{text:19}{mb:6.1f} {first['belay']:10.1f}/{later['belay']:9.1f} {first['peer']:10.1f}/{later['peer']:9.1f} "
                  f"{first['belay'] / first['peer']:6.1f}/{later['belay'] / later['peer']:6.1f}  {'same' if same else 'DIFFERENT'}", flush=True)


def train(python, path, lines):
    """A unigram model as large as such models are, trained on the text."""
    if os.path.exists(path + "/tokenizer.model"): return
    os.makedirs(path, exist_ok=True)
    subprocess.run([python, "-c", """
import json, sys, sentencepiece
texts = [l for t in open(sys.argv[1], encoding='utf-8') for l in json.loads(t).split('\\n') if l.strip()]
sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(texts), model_prefix=sys.argv[2], vocab_size=32000, model_type='unigram', character_coverage=0.9995, minloglevel=2, num_threads=1, max_sentence_length=8192)
""", lines, path + "/tokenizer"], check=True)


if __name__ == "__main__":
    main()
