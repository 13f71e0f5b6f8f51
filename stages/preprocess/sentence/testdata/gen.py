"""Writes cases.json: what NLTK's punkt makes of texts, with the classes of NLTK 3.6.6 to 3.9.

Run with nltk 3.10.4 (pip install nltk==3.10.4): python gen.py
"""

import json
import os
import random
import re

from nltk.tokenize import punkt

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "..", "english")


def lines(name):
    with open(os.path.join(MODEL, name), encoding="utf-8") as f:
        return [x.rstrip("\n") for x in f if x.strip("\n")]


class Classes(punkt.PunktLanguageVars):
    """The character classes before NLTK 3.10, in Python's own regular expressions."""

    re_boundary_realignment = re.compile(r'["\')\]}]+?(?:\s+|(?=--)|$)', re.MULTILINE)

    @property
    def _re_non_word_chars(self):
        return r"(?:[)\";}\]\*:@\'\({\[%s])" % re.escape("".join(set(self.sent_end_chars) - {"."}))

    def _word_tokenizer_re(self):
        return re.compile(
            self._word_tokenize_fmt
            % {"NonWord": self._re_non_word_chars, "MultiChar": self._re_multi_char_punct, "WordStart": self._re_word_start},
            re.UNICODE | re.VERBOSE,
        )

    def period_context_re(self):
        return re.compile(
            self._period_context_fmt % {"NonWord": self._re_non_word_chars, "SentEndChars": self._re_sent_end_chars},
            re.UNICODE | re.VERBOSE,
        )


class Keeping(Classes):
    """Megatron's --keep-newlines."""

    _period_context_fmt = r"""
        \S*
        %(SentEndChars)s
        \s*
        (?=(?P<after_tok>
            %(NonWord)s
            |
            (?P<next_tok>\S+)
        ))"""


params = punkt.PunktParameters()
params.abbrev_types = set(lines("abbrev_types.txt"))
params.sent_starters = set(lines("sent_starters.txt"))
params.collocations = {tuple(x.split("\t")) for x in lines("collocations.tab")}
for row in lines("ortho_context.tab"):
    word, seen = row.split("\t")
    params.ortho_context[word] = int(seen)

texts = [
    "", " ", "\n", ".", "...", "One.", "One. Two.", "One.\n\nTwo.  Three", " One . Two ! ",
    "Dr. Smith went to Washington. He met Mr. J. Bach at 5 p.m. on Jan. 3. It rained.",
    "Very bad acting!!! I promise. (Is it?) \"Yes.\" 'No.' [Maybe.] {So.} End",
    "The U.S. Government said so. The U.S. it is. He lives in the U.S.",
    "Wait ... what? No... Really. . . . Yes. . .", "3.14 is pi. 2. That is two. No. 5 is alive. Pi is 3. 4 is more.",
    "a.b.c. D e.f. g", "He said: \"Stop!\" -- and left.--Then he came back.", "x.)--y. z.\" --w",
    "J. S. Bach wrote it. J. Walter did not. ##number##. business", "etc. etc. Etc. The end, i.e. now. And e.g. this. Under it.",
    "line one.\nline two.\r\nline three.\tfour", "Unicode. Übung. ßo. Ünder. 中文。不分。 这里. 那里! Да. Нет? Что.",
    "no end", "trailing space.   ", "\u00a0nbsp.\u00a0Next.\u2003Em space. \x1cFile. \x1fUnit. \x85Next", "“Curly.” ‘Quotes.’ «Guillemets.» End.",
    "....", ".. . ..", ". . .", ".\n.\n.", "-- --. -. --", "a-b. well-known. vs. co-op. U.S.-based. x-vs. Y", "@user. #tag. a@b.c. *x*. y; z: w.",
    "!?!? ?! .! !.", "'''. ''' .'", "(a.) (b.)) c.", "1. One. 2. Two. 10. Ten. 1,000. -3. .5. 5-6. x",
]
random.seed(1)
alphabet = ["a", "b", "The", "the", "he", "Mr", "U.S", "etc", "J", "3", "4.5", "x", "Ü", "中", ".", ".", ".", "!", "?", "..", "...", " ", " ", " ", "  ", "\n", "\t", "\u00a0", '"', "'", ")", "(", "]", "}", "-", "--", ",", ";", ":", "*", "@", "And", "but", "However", "i"]
for _ in range(1500):
    texts.append("".join(random.choice(alphabet) for _ in range(random.randint(1, 30))))
words = lines("abbrev_types.txt") + [x.split("\t")[0] for x in random.sample(lines("ortho_context.tab"), 400)] + lines("sent_starters.txt") + [w for x in lines("collocations.tab") for w in x.split("\t")]
for _ in range(500):
    out = []
    for _ in range(random.randint(2, 14)):
        w = random.choice(words)
        out.append(random.choice([w, w.capitalize(), w + ".", w.capitalize() + ".", w.upper() + "."]))
    texts.append(random.choice([" ", " ", "\n"]).join(out))

plain = punkt.PunktSentenceTokenizer(params, lang_vars=Classes())
keeping = punkt.PunktSentenceTokenizer(params, lang_vars=Keeping())
with open(os.path.join(HERE, "cases.json"), "w", encoding="utf-8") as f:
    rows = [json.dumps({"text": t, "plain": plain.tokenize(t), "keeping": keeping.tokenize(t)}, ensure_ascii=True) for t in texts]
    f.write("[\n" + ",\n".join(rows) + "\n]\n")
