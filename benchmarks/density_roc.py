"""Which reading of "text density" tells good pages from bad ones: ROC by set, and what is kept.

Good are pages with a gold text of 800 characters and more. Bad are pages whose gold text is under
300 characters ("short"), pages without what gold holds of them ("hollow": menus, teasers, footers,
authors' lines) and link farms, made of the links of hollow pages. Sites are divided in two by a
hash; thresholds are to be chosen on the first half (`--half 0`), the second is reported.

usage: python benchmarks/density_roc.py wcxb-dev.jsonl.zst zh-dev.jsonl.zst … [--half 1]
       [--at running_text=800]
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from selectolax.lexbor import LexborHTMLParser
from train_judge import site_of

from mind_clean.extractors.blocks.element_rules import element_traits
from mind_clean.extractors.blocks.extract import Blocks, count_characters
from mind_clean.extractors.blocks.page import END, FIRST, UNITS, Page
from mind_clean.extractors.blocks.parse import parse_page
from mind_clean.extractors.blocks.select_blocks import choose_blocks
from mind_clean.filters.running_text import RunningText
from mind_clean.filters.text_density import TextDensity
from mind_clean.main_text import MainText, visible_characters
from mind_clean.pipeline import make_plugins
from mind_clean.steps import Step, effective_recipe, make_steps
from mind_core.stream import read_records
from mind_core.text.languages import language_of_text

ENOUGH, SHORT = 800, 300
"""Characters of a gold text."""
_MIN_SHARE = 0.75
Readings = dict[str, float]
CLEANING = ("mojibake", "markup", "unicode", "emoji", "whitespace", "repeated_phrases")


def folded(text: str) -> str:
    """Return the letters and digits of a text."""
    return re.sub(r"[\W_]+", "", text).lower()


def hollow(html: str, gold: str) -> str:
    """Return a page without the elements and texts that its gold text holds."""
    tree, wanted = LexborHTMLParser(html), folded(gold)
    tree.strip_tags(["script", "style", "noscript", "template"])
    waiting = [tree.body] if tree.body is not None else []
    while waiting:
        for child in list(waiting.pop().iter(include_text=True)):
            text = folded(child.text(deep=True) or "")
            if len(text) >= 6 and text in wanted:
                child.decompose()
            elif text and child.tag != "-text":
                waiting.append(child)
    return tree.html or ""


def readings_of(html: str, steps: tuple[Step, ...]) -> Readings:
    """Return all readings of a page; every one is -1 for a page without text."""
    text = Blocks()(html, None)
    if not isinstance(text, MainText):
        return defaultdict(lambda: -1.0)
    record: dict[str, Any] = {"text": str(text)}
    for step in steps:
        record = step.call(record)
    kept = visible_characters(text)
    page = parse_page(html)
    assert page is not None and text.running_text is not None
    return {
        "density_of_page": kept / max(1, text.page_characters),
        "density_of_body": kept / max(1, count_characters(page, html, "body")),
        "density_of_html": kept / len(html),
        "density_of_container": _of_container(parse_page(html)),
        "after_cleaning": visible_characters(record["text"]) / kept,
        "characters": kept,
        "running_share_of_page": text.running_text / max(1, text.page_characters),
        "running_text": text.running_text,
    }


def _of_container(page: Page | None) -> float:
    """Return the share kept of the smallest container that holds most of what is kept."""
    assert page is not None
    kept = choose_blocks(page.containers, page.blocks, page.scores, element_traits())
    units = page.blocks[:, UNITS]
    ours = np.concatenate([[0], np.cumsum(units * kept)])
    everything = np.concatenate([[0], np.cumsum(units)])
    held = [(ours[c[END]] - ours[c[FIRST]], everything[c[END]] - everything[c[FIRST]])
            for c in page.containers]  # fmt: skip
    mine, whole = min((h for h in held if h[0] >= _MIN_SHARE * ours[-1]), key=lambda h: h[1])
    return float(mine / max(1, whole))


def links_of(html: str) -> list[str]:
    """Return the texts of a page's links."""
    texts = (" ".join((link.text() or "").split()) for link in LexborHTMLParser(html).css("a"))
    return [text for text in texts if 1 < len(text) < 80]


def farms(links: list[list[str]], count: int) -> Iterator[str]:
    """Yield pages of links in four forms, each from six pages' links."""
    rng = random.Random(1)
    for number in range(count):
        texts = [text for some in rng.sample(links, min(6, len(links))) for text in some]
        rng.shuffle(texts)
        made = [f'<a href="http://s{n % 97}.example/{n}">{text}</a>'
                for n, text in enumerate(texts[: rng.choice((40, 100, 300, 800))])]  # fmt: skip
        forms = (
            "<ul>" + "".join(f"<li>{link}</li>" for link in made) + "</ul>",
            "<p>" + " | ".join(made) + "</p>",
            "<table>" + "".join(f"<tr><td>{a}<td>{b}" for a, b in pairwise(made)) + "</table>",
            "".join(f"<h3>{link}</h3>" for link in made),
        )
        yield f"<html><body><h1>Links</h1>{forms[number % 4]}</body></html>"


def measured(files: list[str], half: int) -> tuple[dict[str, list[Readings]], ...]:
    """Return the readings of good pages and of bad pages, by set."""
    recipe = effective_recipe(make_plugins(), None, CLEANING)
    steps = make_steps(make_plugins(), recipe)
    good: dict[str, list[Readings]] = defaultdict(list)
    bad: dict[str, list[Readings]] = defaultdict(list)
    links: list[list[str]] = []
    for file in files:
        name = Path(file).name.split(".")[0]
        for record in read_records([file]):
            site = site_of(record["url"]) if record.get("url") else record["id"]
            if hashlib.sha256(site.encode()).digest()[0] & 1 != half:
                continue
            language = language_of_text(record["gold"])
            kind = record.get("metadata", {}).get("page_type") or language
            found = readings_of(record["html"], steps)
            if len(record["gold"]) >= ENOUGH:
                good[f"{name} {kind}".strip()].append(found)
                rest = hollow(record["html"], record["gold"])
                bad[f"hollow {language}"].append(readings_of(rest, steps))
                links.append(links_of(rest))
            elif len(record["gold"]) < SHORT:
                bad["short or empty"].append(found)
    bad["link farm"] = [readings_of(page, steps) for page in farms(links, 200)]
    return good, bad


def area(good: list[Readings], bad: list[Readings], name: str) -> float:
    """Return the area under the ROC curve: how often a good page reads higher than a bad one."""
    high, low = (np.array([found[name] for found in some]) for some in (good, bad))
    above = np.searchsorted(np.sort(low), high, "left") + np.searchsorted(
        np.sort(low), high, "right"
    )
    return float(above.mean() / (2 * len(low)))


def main() -> None:
    """Print the areas, the curve of each reading, and the shares kept at the bounds asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--half", type=int, default=1)
    parser.add_argument("--at", default="running_text=800")
    args = parser.parse_args()
    good, bad = measured(args.files, args.half)
    names = list(next(iter(good.values()))[0])
    print("Area under ROC, good set against bad set\n")
    print(
        "| reading | good pages | " + " | ".join(f"{k} ({len(v)})" for k, v in bad.items()) + " |"
    )
    print("|---" * (2 + len(bad)) + "|")
    for name in names:
        for kind, pages in good.items():
            areas = (f"{area(pages, others, name):.3f}" for others in bad.values())
            print(f"| `{name}` | {kind} ({len(pages)}) | " + " | ".join(areas) + " |")
    everything = [found for pages in good.values() for found in pages]
    worst = [found for pages in bad.values() for found in pages]
    print("\nCurve: bad pages kept (%) where so many of the good ones are kept\n")
    shares = (99, 97, 95, 90, 85, 80, 70)
    print("| reading | " + " | ".join(f"{share} %" for share in shares) + " |")
    print("|---" * (1 + len(shares)) + "|")
    for name in names:
        bounds = np.quantile([f[name] for f in everything], [1 - s / 100 for s in shares])
        kept = (f"{100 * np.mean([f[name] >= b for f in worst]):.0f} (≥ {b:.3g})" for b in bounds)
        print(f"| `{name}` | " + " | ".join(kept) + " |")
    print("\nKept (%)\n")
    print("| rule | " + " | ".join([*good, *(f"bad: {kind}" for kind in bad)]) + " |")
    print("|---" * (1 + len(good) + len(bad)) + "|")
    filters = {
        "running_text": lambda found: RunningText()(noted(found)) is None,
        "text_density": lambda found: TextDensity()(noted(found)) is None,
    }
    for asked in args.at.split(","):
        reading, bound = asked.split("=")
        filters[f"{reading} ≥ {bound}"] = partial(reaches, reading, float(bound))
    for rule, keeps in filters.items():
        parts = (f"{100 * np.mean([*map(keeps, some)]):.1f}"
                 for some in (*good.values(), *bad.values()))  # fmt: skip
        print(f"| `{rule}` | " + " | ".join(parts) + " |")


def reaches(reading: str, bound: float, found: Readings) -> bool:
    """Tell whether a reading is at least so much."""
    return found[reading] >= bound


def noted(found: Readings) -> dict[str, Any]:
    """Return a record with the notes that an extractor leaves."""
    notes = {"density": found["density_of_page"], "running_text": found["running_text"]}
    return {"text": "", "metadata": {"mind": {"clean": notes}}}


if __name__ == "__main__":
    main()
