"""Texts read in the wrong character set: what `mojibake` mends, `garbled` drops, and both miss.

    python benchmarks/misread_texts.py --half 1 FILE.jsonl.zst …

Texts (records with `text`) are divided in two by a hash; each is damaged in every way that its
characters allow. "near" is mended to 95 % and more of its characters.
"""

from __future__ import annotations

import argparse
import difflib
import json
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

from mind_clean.filters.garbled import Garbled
from mind_clean.transforms.mojibake import repaired

LENGTH, NEAR = 3000, 0.95
SIMPLIFIED, TRADITIONAL, JAPANESE = "gb2312", "big5", "cp932"


def windows(data: bytes) -> str:
    """Return bytes as browsers read Windows-1252: what it lacks is a control character."""
    return "".join(
        chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes((byte,)).decode("cp1252")
        for byte in data
    )


def browser_gbk(data: bytes) -> str:
    """Return bytes as browsers read GBK: the byte 80 is the euro sign."""
    out, at = [], 0
    while at < len(data):
        if data[at] < 0x80:
            out.append(chr(data[at]))
        elif data[at] == 0x80:
            out.append("€")
        else:
            try:
                out.append(data[at : at + 2].decode("gb18030"))
                at += 1
            except UnicodeDecodeError:
                out.append("\ufffd")
        at += 1
    return "".join(out)


def lost(text: str, share: float) -> str:
    """Return a text of which some characters were lost, written as UTF-8 and read as GBK."""
    chance = random.Random(zlib.crc32(text.encode()))
    kept = (c if c.isascii() or chance.random() > share else "\ufffd" for c in text)
    return "".join(kept).encode().decode("gbk", "replace")


WAYS: dict[str, Callable[[str], str]] = {
    "UTF-8 as GB18030": lambda t: t.encode().decode("gb18030", "replace"),
    "UTF-8 as GBK, in a browser": lambda t: browser_gbk(t.encode()),
    "UTF-8 as GBK, rest dropped": lambda t: t.encode().decode("gbk", "ignore"),
    "UTF-8 as GBK, rest ?": lambda t: t.encode().decode("gbk", "replace").replace("\ufffd", "?"),
    "UTF-8 as Big5": lambda t: t.encode().decode("big5hkscs", "replace"),
    "UTF-8 as Shift_JIS": lambda t: t.encode().decode("cp932", "replace"),
    "UTF-8 as Latin-1": lambda t: t.encode().decode("latin-1"),
    "UTF-8 as Windows-1252": lambda t: windows(t.encode()),
    "GBK as Latin-1": lambda t: t.encode("gb18030").decode("latin-1"),
    "GBK as Windows-1252": lambda t: windows(t.encode("gb18030")),
    "Big5 as Latin-1": lambda t: t.encode("big5hkscs").decode("latin-1"),
    "Big5 as Windows-1252": lambda t: windows(t.encode("big5hkscs")),
    "Shift_JIS as Latin-1": lambda t: t.encode("cp932").decode("latin-1"),
    "Shift_JIS as Windows-1252": lambda t: windows(t.encode("cp932")),
    "a third lost, as GBK (锟斤拷)": lambda t: lost(t, 0.33),
    "all lost, as GBK (锟斤拷)": lambda t: lost(t, 1.0),
}


def texts_of(path: Path, half: int, most: int) -> Iterator[str]:
    """Yield the texts of one half of a file, cut to `LENGTH` characters."""
    found = 0
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line).get("text") or ""
            if text and zlib.crc32(text[:200].encode()) % 2 == half and found < most:
                found += 1
                yield text[:LENGTH]


def fits(way: str, text: str) -> bool:
    """Tell whether a text is one that such a mistake happens to: in characters of the charset."""
    beyond = "".join(c for c in text if not c.isascii())
    if len(beyond) < 4:
        return False
    charset = way.split(" ")[0]
    written = {"GBK": SIMPLIFIED, "Big5": TRADITIONAL, "Shift_JIS": JAPANESE}.get(charset)
    if charset in ("a", "all"):
        return len(beyond) > 0.3 * len(text)
    if written is None:
        return True
    return len(beyond.encode(written, "ignore")) >= 1.9 * len(beyond)


def main() -> None:
    """Print a table: for clean texts what was changed or dropped, for each way what became."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--half", type=int, default=1)
    parser.add_argument("--most", type=int, default=40, help="texts of a file")
    parser.add_argument("--of-a-way", type=int, default=300)
    options = parser.parse_args()
    texts = [t for path in options.files for t in texts_of(path, options.half, options.most)]
    drops = Garbled()
    clean: Counter[str] = Counter(texts=len(texts))
    for text in texts:
        clean["changed"] += repaired(text) != text
        clean["dropped"] += drops({"text": repaired(text)}) is not None
    print("clean:", dict(clean))
    for way, damage in WAYS.items():
        print(f"{way:32}", dict(became(texts, way, damage, options.of_a_way)))


def became(texts: list[str], way: str, damage: Callable[[str], str], most: int) -> Counter[str]:
    """Count what became of texts that were damaged in one way."""
    counts: Counter[str] = Counter()
    for text in random.Random(5).sample(texts, len(texts)):
        if counts["texts"] == most or not fits(way, text):
            continue
        try:
            damaged = damage(text)
        except UnicodeEncodeError:
            continue
        if damaged == text:
            continue
        counts["texts"] += 1
        again = repaired(damaged)
        if Garbled()({"text": again}) is not None:
            counts["dropped"] += 1
        elif again == text:
            counts["mended"] += 1
        else:
            same = difflib.SequenceMatcher(None, again[:800], text[:800], autojunk=False).ratio()
            counts["near" if same >= NEAR else "missed"] += 1
    return counts


if __name__ == "__main__":
    main()
