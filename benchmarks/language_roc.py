"""What a bound on the language score keeps of texts in Chinese and English, and of other languages.

Texts are JSONL records with `gold` or `text` and `lang` (or `metadata.lang`). Other languages come
from the catalogues of a Django wheel (`pip download --no-deps django==5.2.19`): eight messages to a
text.

usage: python benchmarks/language_roc.py django-5.2.19-py3-none-any.whl FILE.jsonl.zst...
"""

from __future__ import annotations

import argparse
import gettext
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator

from mind_clean.language_models import LanguageGuess, detect
from mind_core.stream import read_records

SAMPLE, LEAST, MESSAGES = 300, 300, 8
BOUNDS = (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.8)
CATALOGUE = re.compile(r"django/(?:conf|contrib/\w+)/locale/(\w+)/LC_MESSAGES/django\.mo")
PLACES = re.compile(r"%\(\w+\)[sd]|%[sd]")


def foreign(wheel: str) -> Iterator[tuple[str, LanguageGuess]]:
    """Yield the language of a catalogue and what is detected, for each text made from one."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            found = CATALOGUE.fullmatch(name)
            if found is None or found[1][:2] in ("en", "zh"):
                continue
            catalogue = gettext.GNUTranslations(io.BytesIO(archive.read(name)))
            pairs = sorted(vars(catalogue)["_catalog"].items(), key=str)
            texts = [PLACES.sub("", text) for key, text in pairs
                     if key and isinstance(text, str) and len(text) > 25]  # fmt: skip
            for at in range(0, len(texts) - MESSAGES, MESSAGES):
                yield found[1], detect("\n".join(texts[at : at + MESSAGES]), SAMPLE)


def main() -> None:
    """Print the shares kept at each bound, by file and language."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("wheel")
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    groups: dict[str, list[tuple[str, LanguageGuess]]] = defaultdict(list)
    for file in args.files:
        for record in read_records([file]):
            text = record.get("gold") or record.get("text") or ""
            said = record.get("lang") or record.get("metadata", {}).get("lang") or ""
            if len(text) >= LEAST and said[:2] in ("zh", "en"):
                groups[f"{file} {said[:2]}"].append((said[:2], detect(text, SAMPLE)))
    print("| texts | number | " + " | ".join(f"≥ {bound}" for bound in BOUNDS) + " |")
    print("|---" * (2 + len(BOUNDS)) + "|")
    for name, found in groups.items():
        kept = (sum(e.language == s and e.score >= b for s, e in found) for b in BOUNDS)
        shares = " | ".join(f"{100 * count / len(found):.1f}" for count in kept)
        print(f"| {name} | {len(found)} | {shares} |")
    others = list(foreign(args.wheel))
    taken = (sum(e.language in ("zh", "en") and e.score >= b for _, e in others) for b in BOUNDS)
    shares = " | ".join(f"{100 * count / len(others):.2f}" for count in taken)
    print(f"| {len({language for language, _ in others})} others | {len(others)} | {shares} |")


if __name__ == "__main__":
    main()
