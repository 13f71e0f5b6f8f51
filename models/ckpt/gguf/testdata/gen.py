# Makes kinds.gguf, one small tensor of each element type, and kinds.json with the numbers that gguf-py decodes.
# gguf 0.19.0, numpy 2; python3 gen.py
import json, os, numpy as np, gguf
from gguf import GGMLQuantizationType as Q
here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)
w = gguf.GGUFWriter(here + "/kinds.gguf", "llama")
w.add_context_length(64); w.add_rope_freq_base(10000.0); w.add_bool("flag", True); w.add_string("some.text", "naïve")
w.add_token_list([b"<unk>", b"\xff\xfe", b"c"]); w.add_array("numbers", [1, -2, 3])
want = {}
def add(name, raw, kind):
    want[name] = dict(kind=kind.name, values=gguf.quants.dequantize(raw, kind).astype(np.float32).reshape(-1).view(np.uint32).tolist())
    w.add_tensor(name, raw, raw_dtype=kind)
x = rng.standard_normal((3, 256)).astype(np.float32)
for kind in (Q.F32, Q.F16, Q.BF16, Q.Q8_0): add(kind.name.lower(), gguf.quants.quantize(x, kind), kind)
for kind, size, halves in ((Q.Q4_K, 144, (0, 2)), (Q.Q6_K, 210, (208,))):
    raw = rng.integers(0, 256, (3, 2 * size), dtype=np.uint8)
    for row in range(3):
        for block in range(2):
            for at in halves: raw[row, block * size + at:block * size + at + 2] = np.frombuffer(np.float16(rng.standard_normal() / 16).tobytes(), np.uint8)
    add(kind.name.lower(), raw, kind)
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
json.dump(want, open(here + "/kinds.json", "w"), separators=(",", ":"))
