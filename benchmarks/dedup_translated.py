"""Count the pages of a manual, never or hardly translated, that mind-dedup finds.

    mind-clean --step blocks PAGES -o texts.jsonl.zst
    python benchmarks/dedup_translated.py texts.jsonl.zst

Pages are those of a manual in several languages (Debian's libreoffice-help-en-us, -zh-cn, -zh-tw):
records whose `url` differs only by the language. How far a page is translated is told by its text
alone, apart from what mind-dedup compares: Chinese characters, beside words of Latin letters.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from mind_core.records import Record
from mind_core.stream import read_records

ORIGINAL, EDITIONS = "en-US", ("zh-CN", "zh-TW")
BOUNDS = (0.02, 0.05, 0.1, 0.2)
_LANGUAGE = re.compile("|".join((ORIGINAL, *EDITIONS)))
_HAN, _LETTER = re.compile("[\u4e00-\u9fff]"), re.compile("[A-Za-z]")


def chinese_share(text: str) -> float:
    """Return the share of Chinese characters among these and words of four letters."""
    han, letters = len(_HAN.findall(text)), len(_LETTER.findall(text))
    return han / (han + letters / 4 + 1)


def main() -> None:
    """Print, for each bound of the share, how many pages there are and how many pairs lose one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("texts", type=Path)
    parser.add_argument("options", nargs="*", help="options of mind-dedup, behind --")
    given = parser.parse_args()
    pages: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in read_records([given.texts]):
        if found := _LANGUAGE.search(record["url"]):
            pages[record["url"].replace(found[0], "", 1)][found[0]] = record
    with tempfile.TemporaryDirectory() as folder:
        rejects = Path(folder) / "rejects.jsonl"
        command = ["mind-dedup", given.texts, "-o", Path(folder) / "kept.jsonl.zst"]
        subprocess.run([*command, "--rejects", rejects, *given.options], check=True)
        gone = {record["id"] for record in read_records([rejects])}
    pairs = [
        (chinese_share(page[edition]["text"]), page[edition]["id"], page[ORIGINAL]["id"])
        for page in pages.values()
        for edition in EDITIONS
        if edition in page and ORIGINAL in page
    ]
    print("| Chinese below | pages | one of the pair goes |\n|---:|---:|---:|")
    for bound in BOUNDS:
        chosen = [pair for pair in pairs if pair[0] < bound]
        found_ones = sum(edition in gone or original in gone for _, edition, original in chosen)
        print(f"| {bound:g} | {len(chosen):,} | {found_ones / max(len(chosen), 1):.1%} |")


if __name__ == "__main__":
    main()
