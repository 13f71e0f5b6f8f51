#!/usr/bin/env python3
"""Conversion of a 1.88 GB model, Hugging Face to Megatron-Core TP2 PP2 and back, beside cp and sync of the same bytes.

  go build -o /tmp/bin/belay ./cmd/belay
  python3 testdata/bench/convert/bench.py --belay /tmp/bin/belay --work /tmp/w [--reps 5]

The model is the one of ../shared/peers/convert_reference_timing.md: llama-like, hidden 2048, ffn 5504, 16 layers, 16 heads, vocabulary
32000, untied, bf16, random, one safetensors file of 1,881,297,384 bytes. Source and target lie on the same disk; sources are read once
before each run, so that the page cache holds them for both. cp is followed by a sync of its target (sync -f would take the whole disk);
belay syncs its files itself. The parts take turns; medians are shown. Memory is the peak of anonymous pages (VmHWM less file pages,
sampled), as source pages that the kernel caches are no cost.
"""
import argparse, json, os, random, shutil, statistics, struct, subprocess, time

H, F, L, V = 2048, 5504, 16, 32000


def model(dir):
    path = dir + "/model.safetensors"
    os.makedirs(dir, exist_ok=True)
    json.dump(dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=H, intermediate_size=F, num_hidden_layers=L, num_attention_heads=16,
                   num_key_value_heads=16, vocab_size=V, rms_norm_eps=1e-5, rope_theta=10000.0, max_position_embeddings=4096, hidden_act="silu",
                   tie_word_embeddings=False, torch_dtype="bfloat16", bos_token_id=1, eos_token_id=2), open(dir + "/config.json", "w"))
    shapes = {"model.embed_tokens.weight": [V, H], "model.norm.weight": [H], "lm_head.weight": [V, H]}
    for l in range(L):
        p = f"model.layers.{l}."
        shapes |= {p + f"self_attn.{k}_proj.weight": [H, H] for k in "qkvo"}
        shapes |= {p + "mlp.gate_proj.weight": [F, H], p + "mlp.up_proj.weight": [F, H], p + "mlp.down_proj.weight": [H, F]}
        shapes |= {p + "input_layernorm.weight": [H], p + "post_attention_layernorm.weight": [H]}
    head, at = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(shapes):
        n = 2
        for d in shapes[name]: n *= d
        head[name] = dict(dtype="BF16", shape=shapes[name], data_offsets=[at, at + n]); at += n
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if os.path.exists(path) and os.path.getsize(path) == 8 + len(text) + at: return
    rng = random.Random(1)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        while at:
            n = min(at, 1 << 24); f.write(rng.randbytes(n)); at -= n


def warm(dir):
    for root, _, names in os.walk(dir):
        for n in names:
            with open(os.path.join(root, n), "rb") as f:
                while f.read(1 << 24): pass


def settle(path):
    """All of a target on the disk, and its pages out of the way of the next."""
    for root, _, names in os.walk(path):
        for n in names:
            fd = os.open(os.path.join(root, n), os.O_RDONLY); os.fsync(fd); os.close(fd)


def clean(path):
    shutil.rmtree(path, ignore_errors=True); os.sync(); time.sleep(0.5)


def cp(src, dst):
    clean(dst); warm(src)
    t = time.monotonic()
    subprocess.run(["cp", "-r", src, dst], check=True); settle(dst)
    return time.monotonic() - t


def belay(o, src, dst, args):
    clean(dst); warm(src)
    t = time.monotonic()
    p = subprocess.Popen([o.belay, "stage", "convert", "-q", "--with", "from=" + src, "--out", dst] + [x for a in args for x in ("--with", a)], stdout=subprocess.DEVNULL)
    peak = 0
    while p.poll() is None:
        try:
            st = dict(l.split(":", 1) for l in open(f"/proc/{p.pid}/status") if ":" in l)
            peak = max(peak, int(st.get("RssAnon", "0 kB").split()[0]))
        except (FileNotFoundError, ProcessLookupError): pass
        time.sleep(0.01)
    took = time.monotonic() - t
    if p.returncode: raise SystemExit(p.returncode)
    return took, peak / 1024


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--belay", required=True); a.add_argument("--work", required=True); a.add_argument("--reps", type=int, default=5)
    o = a.parse_args()
    hf, mg, back, copy = (o.work + "/" + n for n in ("hf", "mg", "back", "copy"))
    model(hf)
    rows = {k: [] for k in ("cp hf", "hf to mcore", "cp mcore", "mcore to hf")}
    mem = {k: 0 for k in rows}
    for _ in range(o.reps):
        rows["cp hf"].append(cp(hf, copy)); clean(copy)
        t, m = belay(o, hf, mg, ["to=mcore", "tp=2", "pp=2"]); rows["hf to mcore"].append(t); mem["hf to mcore"] = max(m, mem["hf to mcore"])
        inner = next(os.path.join(r) for r, d, f in os.walk(mg) if "latest_checkpointed_iteration.txt" in f)
        rows["cp mcore"].append(cp(inner, copy)); clean(copy)
        t, m = belay(o, inner, back, ["to=hf", "template=" + hf]); rows["mcore to hf"].append(t); mem["mcore to hf"] = max(m, mem["mcore to hf"])
        made = next(os.path.join(r, "model.safetensors") for r, d, f in os.walk(back) if "model.safetensors" in f)
        if subprocess.run(["cmp", made, hf + "/model.safetensors"]).returncode: raise SystemExit("the way back gives other bytes")
    med = {k: statistics.median(v) for k, v in rows.items()}
    for k in rows: print(f"{k:12} {med[k]:5.2f} s (of {', '.join(f'{x:.2f}' for x in rows[k])}), {1.881 / med[k]:.2f} GB/s" + (f", anonymous memory {mem[k]:.0f} MB" if mem[k] else ""))
    for k, c in (("hf to mcore", "cp hf"), ("mcore to hf", "cp mcore")): print(f"{k}: {med[c] / med[k] * 100:.0f} % of the speed of cp and sync")
    for d in (mg, back, copy): shutil.rmtree(d, ignore_errors=True)


if __name__ == "__main__":
    main()
