"""Real texts of both languages, and what peers make of them.

`peer_verdicts.json` holds datatrove 0.10.1's words (their number and the start of a SHA-1 of all of
them: spaCy 3.8 for English, jieba 0.42.1 for Chinese) and its filters' decisions on each text.
`python peer_texts.py OUT.jsonl` writes the texts for `benchmarks/peers/datatrove_judge.py`, whose
answer, with --words, is that file.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mind_core.records import decode
from mind_core.stream import read_batches

HELD_OUT = Path(__file__).parents[3] / "tests" / "data" / "heldout.jsonl.zst"
VERDICTS = Path(__file__).with_name("peer_verdicts.json")
JIEBA = "我来到北京清华大学，他来到了网易杭研大厦。" + (
    "小明硕士毕业于中国科学院计算所，后在日本京都大学深造！AT&T 的 C++ 代码 "
)
ODD = {
    "en": (
        "I can't say whether it's so; Mr. Smith (of N.Y.) won't. See http://example.com/a-b?c=d, "
        'e.g. p. 5, 10km off, $5 or 5$: "well-known" and/or cannot... They\'re here!! foo_bar() '
        "y'all: 3-4 u.s. A.B.C. U.K. 9am x=y 1,000.50 me@example.org 8) :-( C++ #tag @user …etc.",
        "- one\n• two\n-three...\n\nSAME LINE\nSAME LINE\n\n\nSAME LINE\nend…\r\nlast\x0bline\n"
        * 12,
    ),
    "zh": (
        JIEBA + "abc3.5% 用了 2.5GHz，「邮箱」是 a_b@c.com。工信处女干事每月经过下属科室……",
        "這是繁體字的文章，於是與後來的人。\n第一條\n第一條\n\n第二條　為了人民\n" * 15,
    ),
}


SOURCES = ("xquad-zh", "lawrefbook", "xquad-en", "moj-tw-en")
"""The order in which the verdicts count the texts of a language."""


def texts() -> Iterator[tuple[str, str, str]]:
    """Yield identity, language and text: records alone, six together, and two thrice over."""
    alone: dict[str, list[str]] = {"en": list(ODD["en"]), "zh": list(ODD["zh"])}
    held_out = [
        decode(line, "held out")
        for batch in read_batches([str(HELD_OUT)])
        for _, line in batch.lines()
    ]
    held_out.sort(key=lambda record: SOURCES.index(record["id"].partition(":")[0]))
    for record in held_out:
        alone["en" if record["metadata"]["lang"] == "en" else "zh"].append(record["text"])
    for language, found in alone.items():
        for number, text in enumerate(found):
            yield f"{language}:{number}", language, text
        for number in range(0, len(found) - 6, 6):
            yield f"{language}:{number}+6", language, "\n\n".join(found[number : number + 6])
            thrice = "\n".join(found[number : number + 2] * 3)
            yield f"{language}:{number}*3", language, thrice


def fingerprint(words: Sequence[str]) -> list[int | str]:
    """Return the number of words, and the start of a hash of them."""
    return [len(words), hashlib.sha1("\n".join(words).encode()).hexdigest()[:12]]


def main() -> None:
    """Write the texts."""
    with Path(sys.argv[1]).open("w", encoding="utf-8") as out:
        for identity, language, text in texts():
            record = {"id": identity, "text": text, "language": language}
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
