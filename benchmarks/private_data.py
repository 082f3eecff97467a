"""Private data in the sentences of the tests: what mind-clean, presidio and data-juicer find.

    pip install presidio-analyzer; pip download --no-deps py-data-juicer
    python benchmarks/private_data.py --data-juicer py_data_juicer-1.6.1-py3-none-any.whl

A positive is found if a hit overlaps it; a negative is false if there is any hit. Presidio runs its
pattern recognisers alone (no model of spaCy: its names, places and context words are left out),
telephone numbers of CN, HK, TW, US and GB; addresses of pages and dates do not count. Of
data-juicer: clean_email_mapper and clean_ip_mapper, all that it has.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mind_clean.pii_rules.rules import RULES
from mind_clean.transforms.pii import find_pii

sys.path.insert(0, str(Path(__file__).parents[1] / "packages/mind-clean/tests"))
from pii_set import made

Finder = Callable[[str], list[tuple[int, int]]]
LEAST_SCORE = 0.4
"""Of presidio: patterns that it takes for weak score less. All scores are shown as well."""


def ours(text: str) -> list[tuple[int, int]]:
    """Return the places that mind-clean finds, all kinds."""
    return [(start, end) for start, end, _ in find_pii(text, tuple(RULES))]


def presidio(least_score: float) -> Finder:
    """Return what finds places by presidio's pattern recognisers, of all countries."""
    import tldextract
    from presidio_analyzer import LocalRecognizer, PatternRecognizer, predefined_recognizers
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # the list that it ships
    recognisers: list[LocalRecognizer] = [
        PhoneRecognizer(supported_regions=("CN", "HK", "TW", "US", "GB"))
    ]
    for name in dir(predefined_recognizers):
        kind = getattr(predefined_recognizers, name)
        if isinstance(kind, type) and issubclass(kind, PatternRecognizer):
            try:
                recognisers.append(kind())
            except TypeError:
                continue
    wanted = [one for one in recognisers if one.name not in ("UrlRecognizer", "DateRecognizer")]

    def find(text: str) -> list[tuple[int, int]]:
        hits = (one.analyze(text, one.supported_entities, None) or [] for one in wanted)
        return [(hit.start, hit.end) for found in hits for hit in found if hit.score >= least_score]

    return find


def data_juicer(wheel: Path) -> Finder:
    """Return what finds places by the patterns of data-juicer's mappers, out of its wheel."""
    patterns = []
    with zipfile.ZipFile(wheel) as archive:
        for name in ("email", "ip"):
            inside = next(n for n in archive.namelist() if n.endswith(f"/clean_{name}_mapper.py"))
            source = archive.read(inside).decode()
            start = source.split("if pattern is None:")[1].split("else:")[0]
            parts = re.findall(r"self\.pattern \+?= (r\".*?\")\s*(?:#.*)?$", start, re.MULTILINE)
            patterns.append(re.compile("".join(map(ast.literal_eval, parts)), re.DOTALL))
    return lambda text: [found.span() for one in patterns for found in one.finditer(text)]


def main() -> None:
    """Print recall by kind, false hits and precision of each tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-juicer", type=Path)
    parser.add_argument("--each", type=int, default=8, help="texts of a sentence")
    options = parser.parse_args()
    tools: dict[str, Finder] = {"mind-clean": ours}
    tools["presidio"] = presidio(LEAST_SCORE)
    tools["presidio, any score"] = presidio(0.0)
    if options.data_juicer:
        tools["data-juicer"] = data_juicer(options.data_juicer)
    texts = list(made(options.each))
    for tool, find in tools.items():
        found: Counter[str] = Counter()
        asked: Counter[str] = Counter()
        false = 0
        for text, kind, data in texts:
            hits = find(text)
            if not kind:
                false += bool(hits)
                continue
            start = text.index(data)
            asked[kind] += 1
            found[kind] += any(a < start + len(data) and b > start for a, b in hits)
        right, all_of_them = found.total(), asked.total()
        print(f"{tool}: recall {right / all_of_them:.3f}, precision {right / (right + false):.3f}")
        print(f"  false: {false} of {len(texts) - all_of_them}")
        print("  " + ", ".join(f"{kind} {found[kind]}/{asked[kind]}" for kind in asked))


if __name__ == "__main__":
    main()
