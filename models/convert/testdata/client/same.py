# Loads what came back and compares its logits with those before: same.py DIR BACK NAME...; then reads every rank file: all must load with weights_only.
import argparse, glob, sys, torch, transformers as t
where, back = sys.argv[1:3]
for name in sys.argv[3:]:
    m, info = t.AutoModelForCausalLM.from_pretrained(f"{back}/{name}", output_loading_info=True, torch_dtype=torch.float32)
    wrong = {k: list(v) for k, v in info.items() if v and k in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    with torch.no_grad(): have = m.eval()(torch.arange(3, 35)[None]).logits
    want = torch.load(f"{where}/{name}.pt")
    if wrong: print(f"{name}: {wrong}")
    if not torch.equal(have, want): print(f"{name}: logits differ by up to {(have - want).abs().max().item():.3g}")
class ModelType: pass
with torch.serialization.safe_globals([argparse.Namespace]):
    for path in sorted(glob.glob(back + "/*-ranks/**/*.pt", recursive=True)):
        try: d = torch.load(path, weights_only=True)
        except Exception as e: print(f"{path}: {e}"); continue
        if "args" not in d or not any(k.startswith("model") for k in d): print(f"{path}: holds {list(d)}")
