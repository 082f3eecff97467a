"""Run one extractor over pages, in whichever environment has it, and print what it took.

usage: python extraction_worker.py NAME FILE.jsonl.zst... [--pages 400] [--held-back]
       [--most 100] [--weights judge.npz]

The line of JSON has CPU seconds, and for each page its id and, with `gold`, the precision, recall
and F1 of its tokens, in the group of its file and language, or kind of page where
`metadata.page_type` tells it. A token is a Han character, a kana, a Hangul syllable or a word; all
three are those of two bags of tokens. A page without gold text is right if nothing comes out.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import zstandard

sys.path.insert(0, str(Path(__file__).parent.parent))
from sites import is_held_back, site_of_record

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


def drawn(found: list[dict[str, Any]], held_back: bool, most: int) -> list[dict[str, Any]]:
    """Return so many pages of a file, by a hash of their ids if it has more."""
    pages = [
        record
        for record in found
        if record.get("html") and (not held_back or is_held_back(site_of_record(record)))
    ]
    if len(pages) <= most:
        return pages
    return sorted(pages, key=lambda r: hashlib.sha256(str(r["id"]).encode()).digest())[:most]


def scores(text: str, gold: str) -> tuple[float, float, float]:
    """Return precision, recall and F1 of two bags of tokens."""
    found, wanted = Counter(TOKEN.findall(text)), Counter(TOKEN.findall(gold))
    if not found or not wanted:
        same = float(not found and not wanted)
        return same, same, same
    shared = (found & wanted).total()
    return (
        shared / found.total(),
        shared / wanted.total(),
        2 * shared / (found.total() + wanted.total()),
    )


def use_weights(path: str) -> None:
    """Let the judge of `blocks` have other weights than those that ship."""
    from mind_clean.extractors.blocks import learned

    learned.load_judge = partial(learned.load_judge, path)  # type: ignore[assignment]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--held-back", action="store_true")
    parser.add_argument("--most", type=int, default=1 << 30)
    parser.add_argument("--weights")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    pages = [
        (file.name.split(".")[0], record)
        for file in args.files
        for record in drawn(records(file), args.held_back, args.most)
    ][: args.pages]
    if args.weights:
        use_weights(args.weights)
    extract = globals()[args.name]()
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
    found = []
    for (group, record), text in zip(pages, texts, strict=True):
        page = {"id": record["id"], "group": group}
        if "gold" in record:
            kind = (record.get("metadata") or {}).get("page_type") or record["lang"]
            names = ("precision", "recall", "f1")
            page |= {"kind": kind, **dict(zip(names, scores(text, record["gold"]), strict=True))}
        found.append(page)
    json.dump({"cpu": cpu, "pages": found}, sys.stdout)


if __name__ == "__main__":
    main()
