"""Which reading of "text density" tells good pages from bad ones: ROC by set, and what is kept.

Good are pages with a gold text of 800 characters and more. Bad are pages whose gold text is under
300 characters ("short"), pages without what gold holds of them ("hollow": menus, teasers, footers,
authors' lines) and link farms, made of the links of hollow pages. A hollow page whose sentences are
still more than its gold text is no bad one: there gold is one part of an article or a discussion of
which another part is left; such pages are shown apart. Only pages of the sites that train_judge.py
holds back are read, with the weights that it writes without --all.

usage: python benchmarks/density_roc.py FILE.jsonl.zst... --weights judge.npz [--most 600]
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
from sites import is_held_back, site_of_record

from mind_clean.extractors.blocks import learned
from mind_clean.extractors.blocks.block_scores import MAX_VALUE_PER_UNIT
from mind_clean.extractors.blocks.element_rules import element_traits
from mind_clean.extractors.blocks.extract import Blocks, count_characters, is_chinese
from mind_clean.extractors.blocks.judge import choose_best
from mind_clean.extractors.blocks.learned import probabilities_of
from mind_clean.extractors.blocks.page import END, FIRST, UNITS, VALUE, Page
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
    """Return the plain letters, digits and Chinese characters of a text.

    Others differ between a page and its gold text where the page was read in a wrong charset.
    """
    return re.sub(r"[^0-9a-z\u3400-\u9fff]+", "", text.lower())


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
    page = parse_page(html, skip_boilerplate=False)
    assert page is not None and text.running_text is not None
    values = page.scores[:, VALUE] / MAX_VALUE_PER_UNIT
    chosen = choose_blocks(page.containers, page.blocks, page.scores, element_traits())
    likely = np.ones(len(values))
    if not is_chinese(html):
        likely = probabilities_of(page, chosen)
        chosen = choose_best(page.blocks, likely)
    running = values[chosen]
    found = {
        "density_of_page": kept / max(1, text.page_characters),
        "characters": kept,
        "running": running.sum(),
        "running_by_probability": (running * likely[chosen]).sum(),
        "mean_probability": (running * likely[chosen]).sum() / max(1.0, running.sum()),
        "running_of_all": running.sum() / max(1.0, values.sum()),
        "running_text": text.running_text,
        "all_sentences": values.sum(),
    }
    found["density_of_body"] = kept / max(1, count_characters(page, html, "body"))
    found["density_of_html"] = kept / len(html)
    found["density_of_container"] = _of_container(parse_page(html))
    found["after_cleaning"] = visible_characters(record["text"]) / kept
    return found


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


def measured(files: list[str], most: int) -> tuple[dict[str, list[Readings]], ...]:
    """Return the readings of good pages, of bad pages, and of pages that are neither, by set."""
    recipe = effective_recipe(make_plugins(), None, CLEANING)
    steps = make_steps(make_plugins(), recipe)
    good: dict[str, list[Readings]] = defaultdict(list)
    bad: dict[str, list[Readings]] = defaultdict(list)
    neither: dict[str, list[Readings]] = defaultdict(list)
    links: list[list[str]] = []
    for file in files:
        name = Path(file).name.split(".")[0]
        for record in _drawn(file, most):
            language = language_of_text(record["gold"])
            kind = record.get("metadata", {}).get("page_type") or language
            found = readings_of(record["html"], steps)
            if len(record["gold"]) < ENOUGH:
                if len(record["gold"]) < SHORT:
                    bad["short or empty"].append(found)
                continue
            good[f"{name} {kind}".strip()].append(found)
            rest = hollow(record["html"], record["gold"])
            left = readings_of(rest, steps)
            links.append(links_of(rest))
            is_bad = left["all_sentences"] < len(record["gold"])
            (bad if is_bad else neither)[f"hollow {language}"].append(left)
    bad["link farm"] = [readings_of(page, steps) for page in farms(links, 200)]
    return good, bad, neither


def _drawn(file: str, most: int) -> list[dict[str, Any]]:
    """Return so many pages of the sites that are held back, the same ones each time."""
    pages = [r for r in read_records([file]) if is_held_back(site_of_record(r))]
    return sorted(pages, key=lambda r: hashlib.sha256(str(r["id"]).encode()).digest())[:most]


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
    parser.add_argument("--weights", required=True, help="of a judge that saw none of the pages")
    parser.add_argument("--most", type=int, default=1 << 30, help="pages of a file")
    parser.add_argument("--at", default="running=800,running=1200")
    args = parser.parse_args()
    learned.load_judge = partial(learned.load_judge, args.weights)  # type: ignore[assignment]
    good, bad, neither = measured(args.files, args.most)
    names = [name for name in next(iter(good.values()))[0] if name != "all_sentences"]
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
    sets = {
        **good,
        "articles": [f for kind, some in good.items() if "article" in kind for f in some],
        **{f"bad: {kind}": some for kind, some in bad.items()},
        "all bad": worst,
        **{f"neither: {kind}": some for kind, some in neither.items()},
    }
    print("| rule | " + " | ".join(f"{kind} ({len(some)})" for kind, some in sets.items()) + " |")
    print("|---" * (1 + len(sets)) + "|")
    filters = {
        "running_text": lambda found: RunningText()(noted(found)) is None,
        "text_density": lambda found: TextDensity()(noted(found)) is None,
    }
    for asked in args.at.split(","):
        reading, bound = asked.split("=")
        filters[f"{reading} ≥ {bound}"] = partial(reaches, reading, float(bound))
    for rule, keeps in filters.items():
        parts = (f"{100 * np.mean([*map(keeps, some)]):.1f}" for some in sets.values())
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
