"""Plans of experiments for tests: three small sources, and the values of a plan over them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from mind_core.progress import Progress
from mind_tok import Tokenizer
from mind_tok.loading import make_plugins
from mind_tok.shards import ShardWriter
from mind_train.cli import app
from mind_train.components import load_plugins
from mind_train.experiments.cells import cells_of
from mind_train.experiments.plan_file import Plan, plan_of
from mind_train.experiments.running import run_cells
from mind_train.experiments.store import CellStore

PLUGINS = load_plugins()
ENGLISH = {
    "sums": "one two three four five six seven eight nine plus minus times is",
    "sea": "water ship wave sails on the deep blue harbour under gulls and wind",
}
WORDS = {name: tuple(words.split()) for name, words in ENGLISH.items()}
WORDS["tea"] = tuple("茶水山好一杯春风月明花开")


def write_corpus(folder: Path) -> Path:
    """Write shards of three sources, two of them bilingual, with held-out documents."""
    draw = random.Random(1)
    texts = []
    for source, words in WORDS.items():
        for number in range(160):
            language = "zh-Hans" if source == "tea" or number % 4 == 0 else "en"
            some = WORDS["tea"] if language != "en" else words
            text = " ".join(draw.choices(some, k=draw.randint(8, 60)))
            texts.append((source, language, text, "validation" if number % 7 == 0 else "train"))
    kind = make_plugins().make("register_tokenizers", "bpe")
    tokenizer: Tokenizer = kind.train([text for _, _, text, _ in texts], 340)
    with ShardWriter(folder / "shards", tokenizer) as writer:
        for source, language, text, split in texts:
            ids = [*tokenizer.encode(text), tokenizer.end_id]
            writer.add(ids, size=len(text.encode()), split=split, source=source, language=language)
        # One held-out document stands in training too.
        copied = [*tokenizer.encode(texts[1][2] * 3), tokenizer.end_id]
        for split in ("train", "validation"):
            writer.add(copied, size=100, split=split, source="sums", language="en")
    return folder


def values_of(**more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "try", "kind": "sources", "shards": ["shards"], "tokens": 512, "seeds": [0, 1],
        "checkpoints": 2, "held_out_bytes": 600, "curve_tokens": 100,
        "recipe": {
            "train": {"batch": 4, "sequence": 32},
            "optimizer": {"name": "adamw", "lr": 3e-3},
            "schedule": {"name": "wsd", "warmup": 1, "decay": 0.25},
        },
        "size": {
            "small": {
                "model": {"dim": 16, "layers": 1, "heads": 2, "ffn_dim": 32, "context": 32}
            }
        },
        "prediction": [],
    }  # fmt: skip
    return {**values, **more}


def plan_for(corpus: Path, **more: Any) -> Plan:
    return plan_of(values_of(**more), "PLAN.toml", corpus)


def run(plan: Plan, folder: Path) -> CellStore:
    found = CellStore(folder)
    run_cells(plan, cells_of(plan, PLUGINS), found, PLUGINS, Progress(None), quiet=True)
    return found


def answer(*arguments: object) -> str:
    """Call the command line in this process and give what it prints."""
    found = CliRunner().invoke(app, [str(one) for one in arguments])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.stdout
