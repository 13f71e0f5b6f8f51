#!/usr/bin/env python3
"""The peers' cases (../shared/peers/engine/bench.py) for belay, or for a peer, on this folder's gen.py.

  go build -o /tmp/bin/belay ./cmd/belay
  python3 testdata/bench/engine/bench.py --tool belay --bin /tmp/bin --work /tmp/w [--kind data] [--reps 5]
"""
import importlib.util, os

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.environ.get("BELAY_PEERS") or os.path.join(HERE, "../../../../shared/peers/engine")
spec = importlib.util.spec_from_file_location("peers_bench", os.path.join(SHARED, "bench.py"))
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)
peers = bench.TOOLS


def tools(b, j):
    t = peers(b, j)
    t["belay"] = dict(
        init=[], ver=f"{b}/belay version", run=f"{b}/belay run recipe.yaml --jobs {j} --quiet",
        status=f"{b}/belay plan recipe.yaml", dry=f"{b}/belay run recipe.yaml --dry-run",
        clean="chmod -R u+w .belay 2>/dev/null; rm -rf .belay belay.lock out; mkdir -p out/bench")
    return t


bench.TOOLS, bench.HERE = tools, HERE
if __name__ == "__main__":
    bench.main()
