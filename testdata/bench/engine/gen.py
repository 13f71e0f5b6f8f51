#!/usr/bin/env python3
"""The peers' synthetic pipelines (../shared/peers/engine/gen.py), with belay's recipe for them.

Every stage is a `command` stage; the recipe's outputs are links in out/<name>/, and w/ leads there, so that what
bench.py counts as rewritten is what a person would see change.
"""
import importlib.util, json, os, re, sys

SHARED = os.environ.get("BELAY_PEERS") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../../shared/peers/engine")
spec = importlib.util.spec_from_file_location("peers_gen", os.path.join(SHARED, "gen.py"))
gen = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gen)
others = gen.emit


def emit(tool, stages, kind):
    if tool != "belay":
        return others(tool, stages, kind)
    made = {s["out"]: s["name"] for s in stages}
    lines = ["belay: 1", "name: bench", "stages:"]
    for s in stages:
        # Each writes a file of its own name, as for the peers: equal commands on equal bytes would run once for all.
        file = os.path.basename(s["out"])
        run, inputs = s["cmd"].replace(s["out"], f"$OUT/{file}"), {}
        for i, dep in enumerate(s["deps"]):
            var = f"IN{i}"
            run = re.sub(rf"(?<![\w/]){re.escape(dep)}(?![\w/.])", f"${var}", run)
            inputs[var] = f"${{{made[dep]}.out}}" if dep in made else dep
        given = {"run": run.replace("${", "$${"), "inputs": inputs, "outputs": {"out": file}}
        lines += [f"  {s['name']}:", "    uses: command", f"    with: {json.dumps(given)}"]
    lines.append("outputs:")
    lines += [f"  {os.path.basename(s['out'])}: ${{{s['name']}.out}}" for s in stages]
    return {"recipe.yaml": "\n".join(lines) + "\n", "belay.yaml": ""}


gen.emit = emit
if __name__ == "__main__":
    gen.main()
    where = sys.argv[sys.argv.index("--dir") + 1]
    if "belay" in sys.argv:
        os.rmdir(where + "/w")
        os.makedirs(where + "/out/bench")
        os.symlink("out/bench", where + "/w")
