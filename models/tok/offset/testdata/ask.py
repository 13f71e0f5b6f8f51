"""Asks Hugging Face's tokenizers where the tokens of texts stand.

    python ask.py DIR... > FILE        (tokenizers 0.22; DIR holds tokenizer.json and cases.jsonl, as in the goldens)

Offsets are turned into bytes. A line a text: {"dir", "text", "ids", "spans"}.
"""
import json, os, sys
from tokenizers import Tokenizer

for d in sys.argv[1:]:
    path = os.path.join(d, "tokenizer.json")
    if not os.path.exists(path):
        continue
    t = Tokenizer.from_file(path)
    for line in open(os.path.join(d, "cases.jsonl"), encoding="utf-8"):
        text = json.loads(line).get("text")
        if not isinstance(text, str) or len(text) > 20000:
            continue
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            continue
        e = t.encode(text, add_special_tokens=False)
        at = [0]
        for c in text:
            at.append(at[-1] + len(c.encode("utf-8")))
        print(json.dumps({"dir": os.path.abspath(d), "text": text, "ids": e.ids, "spans": [[at[a], at[b]] for a, b in e.offsets]}, ensure_ascii=False))
