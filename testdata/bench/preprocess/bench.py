#!/usr/bin/env python3
"""The stage preprocess beside the raw encoding of the same texts by the same tokenizer, and with one and two workers.

  go build -o /tmp/bin/belay ./cmd/belay && go build -o /tmp/bin/encode ./testdata/bench/tok/encode
  python3 testdata/bench/preprocess/bench.py --belay /tmp/bin/belay --encode /tmp/bin/encode --shared ../shared --work /tmp/w [--mb 60] [--reps 5]

Pretraining text: one document a line, out of the texts of testdata/bench/tok (English, Chinese, code), repeated to --mb. Alpaca:
records put together of paragraphs of the same texts, template qwen, packed to 4096. Raw is `encode` over what the stage hands its
tokenizer. Figures are MB of that text a second: CPU time (user and system, whole process, start and loading of the tokenizer
taken off) and wall time. With 1 worker, reading and writing have the second core to themselves, so 2 workers on 2 cores cannot be
twice as fast; the last figure compares them with 1 worker that has 1 core. The parts take turns; medians are shown. With --rss only the peak memory of one run over --mb is told.
"""
import argparse, importlib.util, json, os, random, resource, shutil, statistics, subprocess, sys, time

here = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("tokbench", os.path.join(here, "..", "tok", "bench.py"))
tokbench = importlib.util.module_from_spec(spec); spec.loader.exec_module(tokbench)


def inputs(shared, work, mb):
    distinct = [json.loads(l) for l in open(tokbench.texts(shared, work)["distinct"], encoding="utf-8")]
    rng = random.Random(2)
    dump = lambda x: json.dumps(x, ensure_ascii=False) + "\n"
    jobs = {}
    # Nothing of it is kept: the peak memory of a process begins with that of its parent.
    def write(name, args, records):
        size = 0
        with open(f"{work}/{name}.jsonl", "w", encoding="utf-8") as data, open(f"{work}/{name}.raw", "w", encoding="utf-8") as raw:
            for record, texts in records:
                data.write(dump(record))
                for t in texts:
                    raw.write(dump(t)); size += len(t.encode())
                if size >= mb * 1e6: break
        jobs[name] = dict(args=args, mb=size / 1e6)

    def documents():
        while True:
            rng.shuffle(distinct)
            for t in distinct: yield {"text": t}, [t]

    pieces = [p for t in distinct for p in t.split("\n\n") if p.strip()]

    def exchanges():
        while True:
            i, o = rng.choice(pieces)[:200], rng.choice(pieces)[:1500]
            q = rng.choice(pieces)[:300] if rng.random() < 0.5 else ""
            user = i + ("\n" + q if q else "")
            yield {"instruction": i, "input": q, "output": o}, ["<|im_start|>user\n" + user + "<|im_end|>\n<|im_start|>assistant\n", o]

    write("pretrain", ["--with", "append_eod=true"], documents())
    write("alpaca", ["--with", "style=alpaca", "--with", "template=qwen", "--with", "pack=true", "--with", "seq_length=4096"], exchanges())
    return jobs


def run(cmd, env=None, cores=None):
    """wall and CPU seconds, and peak memory in MB, of a process, on some cores only if they are given."""
    os.sync()  # what the one before wrote is no load of this one
    start = time.monotonic()
    p = subprocess.Popen(cmd, env=os.environ | (env or {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None)
    out, err = p.stdout.read(), p.stderr.read()
    _, status, u = os.wait4(p.pid, 0)
    if status: sys.exit(err.decode()[-2000:])
    return time.monotonic() - start, u.ru_utime + u.ru_stime, u.ru_maxrss / 1024, out


def main():
    a = argparse.ArgumentParser()
    for n in ("belay", "encode", "shared", "work"): a.add_argument("--" + n, required=True)
    a.add_argument("--mb", type=float, default=60); a.add_argument("--reps", type=int, default=5); a.add_argument("--tokenizer", default="qwen2_5,llama3")
    a.add_argument("--rss", action="store_true")
    o = a.parse_args()
    os.makedirs(o.work, exist_ok=True)
    jobs = inputs(o.shared, o.work, o.mb)
    empty = o.work + "/one.jsonl"
    open(empty, "w").write('{"text":"a","instruction":"a","input":"","output":"b"}\n')

    def stage(name, job, tok, workers, file, cores=None):
        out = o.work + "/out"
        shutil.rmtree(out, ignore_errors=True)
        # Its own start with a one-line file is taken off: it is the loading of the tokenizer.
        return run([o.belay, "stage", "preprocess", "-q", "--with", "input=" + file, "--with", "tokenizer=" + tok, "--with", f"workers={workers}", "--out", out] + job["args"], cores=cores)[:3]

    for tok in o.tokenizer.split(","):
        path = os.path.join(o.shared, "goldens", "tokenizers_real", tok)
        for name, job in jobs.items():
            file = f"{o.work}/{name}.jsonl"
            if o.rss:
                print(f"{tok} {name}: {os.path.getsize(file) / 1e6:.0f} MB of jsonl, peak memory {stage(name, job, path, 2, file)[2]:.0f} MB", flush=True)
                continue
            raw, one, two, base, single = [], [], [], [], []
            for _ in range(o.reps):
                raw.append(json.loads(run([o.encode, path, f"{o.work}/{name}.raw", "1"], {"GOMAXPROCS": "1"})[3])["seconds"][0])
                base.append(stage(name, job, path, 1, empty))
                one.append(stage(name, job, path, 1, file))
                two.append(stage(name, job, path, 2, file))
                single.append(stage(name, job, path, 1, file, {0}))
            med = lambda rows, i: statistics.median(r[i] for r in rows)
            r = statistics.median(raw)
            alone = med(single, 0) - med(base, 0)
            cpu, wall, wall2 = med(one, 1) - med(base, 1), med(one, 0) - med(base, 0), med(two, 0) - med(base, 0)
            print(f"{tok:8} {name:9} {job['mb']:6.1f} MB  raw {job['mb'] / r:5.1f} MB/s  1 worker: wall {job['mb'] / wall:5.1f} = {r / wall * 100:3.0f} %, "
                  f"cpu {job['mb'] / cpu:5.1f} = {r / cpu * 100:3.0f} %  2 workers: wall {job['mb'] / wall2:5.1f} = {wall / wall2:.2f} times, {alone / wall2:.2f} times 1 worker on 1 core  peak {med(two, 2):.0f} MB", flush=True)


if __name__ == "__main__":
    main()
