"""Train the judge of blocks from pages with gold text, and say how good it is on other sites.

Pages are JSONL records with `html`, `gold`, `url` and, to report by kind, `metadata.page_type`.
Sites are divided by a hash of their names: seven tenths train, three tenths are held back and only
reported; with --all the weights that are written are then trained on all pages. The tables of words
are made out of fold, as are the answers of the first trees that the second ones see. Deterministic
for the same pages and the same LightGBM (pip install lightgbm==4.7.0).

usage: python benchmarks/train_judge.py FILE.jsonl.zst... -o judge.npz [--all] [--rows 60]
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
from judge_labels import shares_in_gold, tokens_of
from sites import is_held_back, part_of, site_of_record

from mind_clean.extractors.blocks import name_rules
from mind_clean.extractors.blocks.block_features import compute_features
from mind_clean.extractors.blocks.element_rules import element_traits
from mind_clean.extractors.blocks.judge import add_neighbours, choose_best
from mind_clean.extractors.blocks.name_rules import split_names
from mind_clean.extractors.blocks.page import HOME, NAME, OWNER, PARENT, TEXT_END
from mind_clean.extractors.blocks.parse import parse_page
from mind_clean.extractors.blocks.select_blocks import choose_blocks
from mind_clean.extractors.blocks.text_features import BUCKETS, word_buckets
from mind_core.stream import read_records

FOLDS = 2
PRIOR, STRENGTH, SCALE, HIGHEST = 0.35, 3.0, 20, 120
TREES: dict[str, Any] = {
    "objective": "binary", "learning_rate": 0.08, "num_leaves": 31, "min_data_in_leaf": 60,
    "lambda_l2": 3.0, "max_bin": 127, "feature_fraction": 0.6, "bagging_fraction": 0.7,
    "bagging_freq": 1, "seed": 0, "num_threads": 1, "deterministic": True,
    "force_row_wise": True, "verbosity": -1,
}  # fmt: skip
FIRST, SECOND = 150, 120
"""Trees of each set."""
Array = npt.NDArray[Any]


@dataclass
class Example:
    """A page that was read: its arrays, its labels, what its names are."""

    site: str
    kind: str
    gold: str
    arrays: tuple[Array, Array, Array, Array]
    """Containers, blocks, figures, text: what `compute_features` takes."""
    texts: list[str]
    rules: Array
    right: Array
    """Share of each block that is in gold."""
    names: dict[int, frozenset[str]]
    buckets: list[Array]

    @property
    def weights(self) -> Array:
        """Return what each block counts in training; a page counts 1."""
        sizes = np.array([len(tokens_of(text)) for text in self.texts])
        weights = np.minimum(sizes, 300) ** 0.75 + 0.3
        return np.asarray(weights / weights.sum())


def examples(files: Sequence[Path]) -> Iterable[Example]:
    """Yield the pages of files that have any text."""
    working = np.empty(480, np.int64)
    for record in read_records(list(files)):
        page = parse_page(record["html"], skip_boilerplate=False)
        if page is None or not len(page.blocks):
            continue
        arrays = tuple(np.array(a) for a in (page.containers, page.blocks, page.scores, page.text))
        containers, blocks, scores, text = arrays
        ends, data = blocks[:, TEXT_END].tolist(), text.tobytes()
        spans = list(zip([0, *ends], ends, strict=False))
        texts = [data[start:end].decode() for start, end in spans]
        known = list(name_rules._name_numbers)
        numbers = {int(n) for n in (*containers[:, NAME], *blocks[:, OWNER]) if n}
        metadata = record.get("metadata") or {}
        yield Example(
            site=site_of_record(record),
            kind=metadata.get("page_type") or f"{record.get('source')}-{record.get('lang')}",
            gold=record["gold"],
            arrays=(containers, blocks, scores, text),
            texts=texts,
            rules=choose_blocks(containers, blocks, scores, element_traits()),
            right=np.array(shares_in_gold(texts, record["gold"])),
            names={n: frozenset(split_names(known[n - 1][:300])) for n in numbers},
            buckets=[
                np.unique(working[: word_buckets(text, start, end, working)])
                for start, end in spans
            ],
        )


def log_odds(right: float, count: float) -> float:
    """Return how much likelier main text is than by the prior, in log-odds."""
    likely = (right + STRENGTH * PRIOR) / (count - right + STRENGTH * (1 - PRIOR))
    return float(np.log(likely) - np.log(PRIOR / (1 - PRIOR)))


def scaled(value: float) -> int:
    """Return log-odds as the int8 that ships."""
    return int(np.clip(round(SCALE * value), -HIGHEST, HIGHEST))


def name_table(pages: Sequence[Example]) -> dict[str, int]:
    """Return a score for each word of names: is what stands below it main text?"""
    right, count, sites = defaultdict(float), defaultdict(float), Counter[str]()
    for page in pages:
        sites[page.site] += 1
        weight = sites[page.site] ** -0.5
        containers, blocks = page.arrays[:2]
        above: list[frozenset[str]] = []
        for row in containers:
            outer = above[row[PARENT]] if row[PARENT] >= 0 else frozenset[str]()
            above.append(outer | page.names.get(int(row[NAME]), frozenset()))
        held, size = defaultdict(float), defaultdict(float)
        for row, share, text in zip(blocks, page.right, page.texts, strict=True):
            tokens = min(len(tokens_of(text)), 60) + 1.0
            for word in above[row[HOME]] | page.names.get(int(row[OWNER]), frozenset()):
                held[word] += tokens * share
                size[word] += tokens
        for word in size:
            right[word] += weight * held[word] / size[word]
            count[word] += weight
    scores = {word: scaled(log_odds(right[word], n)) for word, n in count.items() if n >= 2.5}
    return {word: score for word, score in sorted(scores.items()) if score}


def word_table(pages: Sequence[Example]) -> Array:
    """Return a score for each bucket of words: are blocks that hold them main text?"""
    right, count = np.zeros(BUCKETS), np.zeros(BUCKETS)
    for page in pages:
        held, size = np.zeros(BUCKETS), np.zeros(BUCKETS)
        for buckets, share in zip(page.buckets, page.right, strict=True):
            held[buckets] += share
            size[buckets] += 1
        right += np.divide(held, size, out=np.zeros(BUCKETS), where=size > 0)
        count += size > 0
    scores = [scaled(log_odds(r, n)) if n >= 3 else 0 for r, n in zip(right, count, strict=True)]
    return np.array(scores, np.int8)


def features(page: Example, names: dict[str, int], words: Array) -> Array:
    """Return the features of a page's blocks by two tables."""
    scores = np.zeros(max(page.names, default=0) + 1, np.int8)
    for number, found in page.names.items():
        most = sorted((names[w] for w in found if w in names), key=lambda s: (abs(s), s))[-3:]
        scores[number] = max(-HIGHEST, min(HIGHEST, sum(most)))
    return compute_features(*page.arrays, page.rules, scores, words)


def one_page(page: Example, some: Array) -> Array:
    """Return the weights of some blocks of a page, which together count 1."""
    weights = page.weights[some]
    return np.asarray(weights / weights.sum())


def fit(trees: int, rows: Sequence[Array], pages: Sequence[Example], most: int) -> Any:
    """Return trees over the rows of some pages, of each page so many at most."""
    rng = np.random.default_rng(0)
    drawn = [np.sort(rng.permutation(len(row))[:most]) for row in rows]
    weights = np.concatenate([one_page(p, some) for p, some in zip(pages, drawn, strict=True)])
    labels = np.concatenate([p.right[some] >= 0.5 for p, some in zip(pages, drawn, strict=True)])
    known = lightgbm.Dataset(
        np.concatenate([row[some] for row, some in zip(rows, drawn, strict=True)]),
        labels.astype(int),
        weight=weights / weights.mean(),
    )
    return lightgbm.train(TREES, known, trees)


def answers(model: Any, rows: Array) -> Array:
    """Return the probability of each row."""
    return np.ascontiguousarray(model.predict(rows, num_threads=1))


def train(pages: Sequence[Example], most: int) -> tuple[dict[str, int], Array, Any, Any]:
    """Return the tables and both sets of trees, from so many blocks of a page at most."""
    part = [part_of(page.site, FOLDS, "inner") for page in pages]

    def out_of_fold(make: Callable[[list[int]], Callable[[int], Array]]) -> list[Array]:
        made: dict[int, Array] = {}
        for fold in range(FOLDS):
            answer = make([i for i, p in enumerate(part) if p != fold])
            made |= {i: answer(i) for i, p in enumerate(part) if p == fold}
        return [made[i] for i in range(len(pages))]

    def tables(known: list[int]) -> Callable[[int], Array]:
        chosen = [pages[i] for i in known]
        names, words = name_table(chosen), word_table(chosen)
        return lambda i: features(pages[i], names, words)

    rows = out_of_fold(tables)

    def first(known: list[int]) -> Callable[[int], Array]:
        model = fit(FIRST, [rows[i] for i in known], [pages[i] for i in known], most)
        return lambda i: answers(model, rows[i])

    alone = out_of_fold(first)
    around = [
        add_neighbours(p.arrays[0], p.arrays[1], r, a)
        for p, r, a in zip(pages, rows, alone, strict=True)
    ]
    tables_of_all = name_table(pages), word_table(pages)
    return *tables_of_all, fit(FIRST, rows, pages, most), fit(SECOND, around, pages, most)


def nodes_of(model: Any) -> dict[str, Array]:
    """Return trees as the judge walks them: a node, its left side, its right side."""
    roots, splits, thresholds, rights = [], [], [], []
    for tree in model.dump_model()["tree_info"]:
        roots.append(len(splits))
        waiting = [(tree["tree_structure"], -1)]
        while waiting:
            node, parent = waiting.pop()
            place, leaf = len(splits), "leaf_value" in node
            if parent >= 0:
                rights[parent] = place
            value = np.float32(node["leaf_value" if leaf else "threshold"])
            if not leaf and float(value) > node["threshold"]:
                value = np.nextafter(value, np.float32(-np.inf))
            splits.append(-1 if leaf else int(node["split_feature"]))
            thresholds.append(value)
            rights.append(-1)
            if not leaf:
                waiting += [(node["right_child"], place), (node["left_child"], -1)]
    return {
        "roots": np.array(roots, np.int32), "features": np.array(splits, np.int16),
        "thresholds": np.array(thresholds, np.float32), "rights": np.array(rights, np.int32),
    }  # fmt: skip


def save(path: Path, names: dict[str, int], words: Array, first: Any, second: Any) -> None:
    """Write the weights."""
    arrays = {f"{k}1": v for k, v in nodes_of(first).items()}
    arrays |= {f"{k}2": v for k, v in nodes_of(second).items()}
    arrays["starts"] = np.zeros(2)  # LightGBM's first tree holds the start
    arrays["word_scores"] = words
    arrays["name_words"] = np.frombuffer("\n".join(names).encode(), np.uint8)
    arrays["name_values"] = np.array(list(names.values()), np.int8)
    np.savez_compressed(path, **arrays)


def f1(page: Example, kept: Array) -> float:
    """Return the F1 of the tokens of the chosen blocks and of gold."""
    chosen = [
        t for text, keep in zip(page.texts, kept, strict=True) if keep for t in tokens_of(text)
    ]
    found, wanted = Counter(chosen), Counter(tokens_of(page.gold))
    if not wanted:
        return float(not found)
    return 2 * (found & wanted).total() / max(1, found.total() + wanted.total())


def main() -> None:
    """Train, write, and report by kind of page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--all", action="store_true", help="write weights of all pages")
    parser.add_argument("--rows", type=int, default=1 << 30, help="blocks of a page, at most")
    args = parser.parse_args()
    pages = list(examples(args.files))
    held = [page for page in pages if is_held_back(page.site)]
    others = [page for page in pages if not is_held_back(page.site)]
    names, words, first, second = train(others, args.rows)
    save(args.output, names, words, first, second)
    rows = defaultdict(list)
    for page in held:
        known = features(page, names, words)
        around = add_neighbours(*page.arrays[:2], known, answers(first, known))
        learned = choose_best(page.arrays[1], answers(second, around))
        for kind in (page.kind, "all"):
            rows[kind].append(
                (f1(page, page.rules), f1(page, learned), f1(page, page.right >= 0.5))
            )
    print("| held back | pages | rules | learned | labels |\n|---|---:|---:|---:|---:|")
    for kind, scores in sorted(rows.items()):
        means = [f"{statistics.mean(column):.3f}" for column in zip(*scores, strict=True)]
        print("| " + " | ".join([kind, str(len(scores)), *means]) + " |")
    if args.all:
        save(args.output, *train(pages, args.rows))


if __name__ == "__main__":
    main()
