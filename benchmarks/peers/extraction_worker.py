"""Run one extractor over pages, in whichever environment has it, and print what it took.

usage: python extraction_worker.py NAME PAGES FILE.jsonl.zst...

The line of JSON has CPU seconds, pages, and for files with `gold` the token F1 of each page, per
file and language, or kind of page where `metadata.page_type` tells it. A token is a Han character,
a kana, a Hangul syllable or a word; F1 is that of the two bags of tokens.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

TOKEN = re.compile(r"[\u3400-\u9fff\uac00-\ud7af\u3040-\u30ff]|[A-Za-z0-9_\u00c0-\u04ff]+")
Extract = Callable[[str], str]


def blocks() -> Extract:
    """Return mind-clean's own extractor."""
    from mind_clean.extractors.blocks.extract import Blocks

    extract = Blocks()
    extract.prepare()  # as the tool does before it begins
    return lambda html: str(extract(html, None) or "")


def blocks_learned() -> Extract:
    """Return mind-clean's own extractor, with the judge that was trained."""
    from mind_clean.extractors.blocks.extract import Blocks

    extract = Blocks(choice="learned")
    extract.prepare()
    return lambda html: str(extract(html, None) or "")


def trafilatura() -> Extract:
    """Return trafilatura as it comes."""
    from trafilatura import extract

    return lambda html: extract(html) or ""


def trafilatura_fast() -> Extract:
    """Return trafilatura without its second opinions."""
    from trafilatura import extract

    return lambda html: extract(html, fast=True, include_comments=False) or ""


def trafilatura_recall() -> Extract:
    """Return trafilatura that rather keeps too much."""
    from trafilatura import extract

    return lambda html: extract(html, favor_recall=True, include_comments=False) or ""


def readability() -> Extract:
    """Return readability-lxml."""
    import lxml.html
    from readability import Document

    def extract(html: str) -> str:
        summary = Document(html).summary(html_partial=True)
        return str(lxml.html.fromstring(summary).text_content())

    return extract


def resiliparse() -> Extract:
    """Return resiliparse, main content only."""
    from resiliparse.extract.html2text import extract_plain_text

    return lambda html: str(extract_plain_text(html, main_content=True))


def records(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file."""
    with path.open("rb") as raw:
        stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        lines = io.TextIOWrapper(stream, encoding="utf-8", newline="\n")
        return [json.loads(line) for line in lines]


def f1(text: str, gold: str) -> float:
    """Return the F1 of two bags of tokens."""
    found, wanted = Counter(TOKEN.findall(text)), Counter(TOKEN.findall(gold))
    shared = sum((found & wanted).values())
    return 2 * shared / max(1, sum(found.values()) + sum(wanted.values()))


def main() -> None:
    """Run it."""
    name, most, *files = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    pages = [(Path(file).name.split(".")[0], r) for file in files for r in records(Path(file))]
    pages = [(group, r) for group, r in pages if r.get("html")][: int(most)]
    extract = globals()[name]()
    texts = []

    def run(html: str) -> str:
        try:
            return str(extract(html))
        except Exception:  # a peer may fail on a page: that page has no text
            return ""

    for _, record in pages[:5]:
        run(record["html"])
    started = time.process_time()
    for _, record in pages:
        texts.append(run(record["html"]))
    cpu = time.process_time() - started
    scores: dict[str, list[float]] = {}
    for (group, record), text in zip(pages, texts, strict=True):
        if "gold" in record:
            score = f1(text, record["gold"])
            kind = (record.get("metadata") or {}).get("page_type") or record["lang"]
            for part in (kind, "all"):
                scores.setdefault(f"{group} {part}", []).append(score)
    json.dump({"cpu": cpu, "pages": len(pages), "scores": scores}, sys.stdout)


if __name__ == "__main__":
    main()
