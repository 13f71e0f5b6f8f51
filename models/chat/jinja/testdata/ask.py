"""Asks transformers' chat template environment what templates render to.

    python ask.py > library.json        (jinja2 3.1.6, transformers 4.57.6, Python 3.11)

Each line of snippets.txt is a template (in JSON's quotes where it begins with one). The context is that of
library_test.go.
"""
import datetime, json, os, sys
import transformers.utils.chat_template_utils as utils

class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, 9, 5, 3)

utils.datetime = Clock
here = os.path.dirname(os.path.abspath(__file__))
context = json.load(open(os.path.join(here, "context.json"), encoding="utf-8"))
cases = []
for line in open(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "snippets.txt"), encoding="utf-8"):
    line = line.rstrip("\n")
    if not line:
        continue
    template = json.loads(line) if line.startswith('"') else line
    case = {"template": template}
    try:
        case["rendered"] = utils._compile_jinja_template(template).render(**context)
    except Exception as e:
        case["error"] = type(e).__name__
        case["text"] = str(e)[:200]
    cases.append(case)
json.dump({"cases": cases}, sys.stdout, ensure_ascii=False, indent=0)
