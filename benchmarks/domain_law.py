"""Does the length of training answers matter: three buckets by three buckets by seeds.

The part `law` of `domain_end_to_end.py`. Every cell is trained on as many tokens; held-out answers
of each bucket are measured in bits per byte by the judge `nll`, whose rankings give the ratings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from domain_steps import Runner

from mind_core import Record
from mind_core.output import write_records
from mind_core.stream import read_records

SOURCES = ("legal_advice", "legal_counsel_with_article_v2", "zixun_gpt4", "fakao_gpt4")
BUCKETS = ("0-450", "200-300", "300-450")
HELD = 26
"""Conversations whose hash begins with a byte below this are held out: one in ten."""

SCALES = {"ci": (10, 10, 1, 40), "full": (300, 240, 3, 150)}
"""Steps of pre-training and of fine-tuning, seeds, and held-out questions a bucket."""

ROWS = ("train.batch=3",)
"""Rows that hold a question and 450 tokens of answer, of as many tokens a step as elsewhere."""


def law(runner: Runner, scale: str) -> dict[str, object]:
    """Train on three buckets of length at equal tokens; measure held-out answers of each."""
    pretrain, sft, seeds, most = SCALES[scale]
    folder = runner.data / "sft" / "zh" / "lawyer-llama"
    sources = [folder / f"{name}.json.zst" for name in SOURCES]
    runner.run("mind-domain", "read", "--domain", "law", *sources, "-o", "dialogues.zst")
    rows = list(read_records([runner.folder / "dialogues.zst"]))
    kept = [row for row in rows if not _held_out(row)]
    write_records(runner.folder / "train.zst", kept)
    write_records(runner.folder / "held.zst", [row for row in rows if _held_out(row)])
    texts = [turn["content"] for row in kept for turn in row["messages"]]
    runner.base(texts, 6000, pretrain, "model.context=768", *ROWS)
    for side in ("train", "held"):
        print(runner.run("mind-domain", "bucket", "--tokenizer", "own=tokenizer", "--edges",
                         ",".join(BUCKETS), f"{side}.zst", "-o", f"buckets-{side}"))  # fmt: skip
    for seed in range(seeds):
        for bucket in BUCKETS:
            chats = f"buckets-train/own/{bucket}.equal.jsonl.zst"
            runner.tune(chats, f"m-{bucket}-{seed}", sft, seed, *ROWS)
    models = [f"{bucket}-{seed}" for bucket in BUCKETS for seed in range(seeds)]
    return {
        "tokens_a_model": sft * 3 * 768,
        "seeds": seeds,
        "tests": {test: _measure(runner, test, models, most) for test in BUCKETS},
    }


def _measure(runner: Runner, test: str, models: list[str], most: int) -> dict[str, object]:
    """Judge the models on held-out answers of a bucket: bits per byte of each, and ratings."""
    held = read_records([runner.folder / "buckets-held" / "own" / f"{test}.jsonl.zst"])
    asked = f"questions-{test}.zst"
    write_records(runner.folder / asked, _first(held, most))
    names = ",".join(f"{name}=m-{name}" for name in models)
    runner.run("mind-domain", "judge", "--judge", "nll", "--set", f"nll.models={names}", asked,
               "-o", f"verdicts-{test}.zst")  # fmt: skip
    print(f"held-out answers of {test} tokens:")
    print(runner.run("mind-domain", "elo", "--model", "plackett-luce", f"verdicts-{test}.zst", "-o",
                     f"ratings-{test}.json", "--plot", f"ratings-{test}.svg"))  # fmt: skip
    kinds = {row["id"]: _kind(row) for row in read_records([runner.folder / asked])}
    verdicts = list(read_records([runner.folder / f"verdicts-{test}.zst"]))
    rows = [row["bits_per_byte"] for row in verdicts]
    ratings = json.loads((runner.folder / f"ratings-{test}.json").read_text())
    return {
        "questions": len(rows),
        "kinds": [kinds[row["question_id"]] for row in verdicts],
        "bits_per_byte": {name: [row[name] for row in rows] for name in models},
        "ratings": ratings["models"],
    }


def _kind(row: Record) -> str:
    """Tell where a conversation comes from: sources differ in length, and in much else."""
    metadata = row.get("metadata") or {}
    return "article" if "laws" in metadata else "exam" if "type" in metadata else "advice"


def _held_out(row: Record) -> bool:
    return hashlib.sha256(str(row["id"]).encode()).digest()[0] < HELD


def _first(rows: Iterator[Record], most: int) -> Iterator[Record]:
    """Return the rows with the lowest hashes: a choice that no order of the file makes."""
    ordered = sorted(rows, key=lambda row: hashlib.sha256(str(row["id"]).encode()).digest())
    return iter(ordered[:most])
