"""Judge each text by datatrove's own filters; run with the Python of the peer `datatrove`.

usage: datatrove_judge.py IN.jsonl OUT.jsonl [--words]
Each line in is {"id", "text", "language": "en" | "zh"}; each line out names, per filter, why
datatrove drops the text, or null. With --words it also has the number of the text's words and the
start of a hash of all of them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.utils.text import split_into_words

ZH_STOP_WORDS = list("的年在月是和日了於·為有被人中为他與後也而由")
ZH_TOP = [(2, 0.256), (3, 0.201), (4, 0.171)]
ZH_REPEATED = [(5, 0.198), (6, 0.182), (7, 0.167), (8, 0.154), (9, 0.14), (10, 0.127)]

FILTERS: dict[str, dict[str, Any]] = {
    "en": {
        "gopher_repetition": GopherRepetitionFilter(),
        "gopher_quality": GopherQualityFilter(),
        "fineweb": FineWebQualityFilter(),
        "c4": C4QualityFilter(),
    },
    # As fineweb-2-pipeline.py sets them up from configs/cmn_Hani.yml.
    "zh": {
        "gopher_repetition": GopherRepetitionFilter(
            language="cmn_Hani", dup_para_frac=0, dup_line_char_frac=0, dup_para_char_frac=0,
            dup_line_frac=0.287, top_n_grams=ZH_TOP, dup_n_grams=ZH_REPEATED,
        ),
        "fineweb": FineWebQualityFilter(
            language="cmn_Hani", short_line_thr=999, char_duplicates_ratio=0.1,
            line_punct_thr=0.106, new_line_ratio=0.178,
        ),
        "gopher_quality": GopherQualityFilter(
            language="cmn_Hani", min_avg_word_length=1, max_avg_word_length=5,
            stop_words=ZH_STOP_WORDS, max_non_alpha_words_ratio=0.735, min_stop_words=2,
        ),
    },
}  # fmt: skip


def judged(judge: Callable[[Document], Any], text: str) -> str | None:
    """Return why a filter drops a text, None if it keeps it."""
    try:
        answer = judge(Document(text=text, id="0"))
    except ZeroDivisionError:
        return "ZeroDivisionError"
    return answer[1] if isinstance(answer, tuple) else None if answer else "dropped"


def fingerprint(text: str, language: str) -> list[int | str]:
    """Return the number of a text's words, and the start of a hash of them."""
    words = split_into_words(text, {"en": "eng", "zh": "cmn_Hani"}[language])
    return [len(words), hashlib.sha1("\n".join(words).encode()).hexdigest()[:12]]


def main() -> None:
    """Judge all lines."""
    with Path(sys.argv[1]).open("rb") as lines, Path(sys.argv[2]).open("w") as out:
        for line in lines:
            record = json.loads(line)
            filters = FILTERS[record["language"]]
            verdicts: dict[str, Any] = {
                name: judged(made.filter, record["text"]) for name, made in filters.items()
            }
            if "--words" in sys.argv:
                verdicts["words"] = fingerprint(record["text"], record["language"])
            out.write(json.dumps({"id": record["id"], **verdicts}) + "\n")


if __name__ == "__main__":
    main()
