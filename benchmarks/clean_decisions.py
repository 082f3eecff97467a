"""Compare decisions of the quality filters with datatrove's own, text by text.

usage: python benchmarks/clean_decisions.py [FILE ...] [--limit 200]
Without files the held-out texts of the shipped corpus are judged; English by Gopher's, FineWeb's
and C4's rules, Chinese by FineWeb-2's. datatrove is installed on first use (see peers/).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peers.environment import HERE as PEERS
from peers.environment import peer_python

from mind_clean.filters.c4 import C4
from mind_clean.filters.fineweb import Fineweb
from mind_clean.filters.fineweb2_zh import Fineweb2Zh
from mind_clean.filters.gopher_quality import GopherQuality
from mind_clean.filters.gopher_repetition import GopherRepetition
from mind_core.records import Record, decode
from mind_core.stream import read_batches
from mind_core.text.languages import language_of_text

HELD_OUT = Path(__file__).parent.parent / "tests" / "data" / "heldout.jsonl.zst"
QUALITY, FINEWEB, REPETITION = Fineweb2Zh()._rules
FILTERS: dict[str, dict[str, Callable[[Record], str | None]]] = {
    "en": {
        "gopher_repetition": GopherRepetition(),
        "gopher_quality": GopherQuality(),
        "fineweb": Fineweb(),
        "c4": C4(),
    },
    "zh": {"gopher_repetition": REPETITION, "gopher_quality": QUALITY, "fineweb": FINEWEB},
}


def records_of(files: list[str], limit: int) -> list[dict[str, Any]]:
    """Return the texts of each file, at most so many, with their language."""
    found = []
    for file in files:
        taken = 0
        for batch in read_batches([file]):
            for _, line in batch.lines():
                text = decode(line, file).get("text") or ""
                language = language_of_text(text)
                if language in FILTERS and taken < limit:
                    found.append({"id": f"{file}:{taken}", "text": text, "language": language})
                    taken += 1
    return found


def verdicts_of(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return datatrove's verdicts."""
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "in.jsonl", Path(name) / "out.jsonl"
        source.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
        command = [str(peer_python("datatrove")), str(PEERS / "datatrove_judge.py")]
        subprocess.run([*command, str(source), str(target)], check=True, capture_output=True)
        return [json.loads(line) for line in target.read_text("utf-8").splitlines()]


def main() -> None:
    """Judge, compare and print a table; name each text that is judged differently."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", default=[str(HELD_OUT)])
    parser.add_argument("--limit", type=int, default=200, help="texts of each file")
    args = parser.parse_args()
    records = records_of(args.files, args.limit)
    texts: Counter[tuple[str, str]] = Counter()
    dropped, same = texts.copy(), texts.copy()
    for record, theirs in zip(records, verdicts_of(records), strict=True):
        language = record["language"]
        judged = {"text": record["text"], "metadata": {"mind": {"clean": {"language": language}}}}
        for name, rules in FILTERS[language].items():
            ours = rules(judged)
            texts[language, name] += 1
            dropped[language, name] += theirs[name] is not None
            if (ours is None) == (theirs[name] is None):
                same[language, name] += 1
            else:
                print(f"{record['id']}: {name}: datatrove {theirs[name]}, ours {ours}")
    print("| language | filter | texts | datatrove drops | same decision |")
    print("|---|---|---:|---:|---:|")
    for (language, name), number in texts.items():
        key = language, name
        print(f"| {language} | {name} | {number} | {dropped[key]} | {same[key]} |")


if __name__ == "__main__":
    main()
