"""Run finance and law from raw records to a rated model, with controls that have to succeed.

usage: python benchmarks/domain_end_to_end.py market|sentiment|finance|law [--scale ci|full]
           [--data ../shared/data] [--into FOLDER]

market: a made-up market whose moves follow three words at a planted rate; the whole path from
prices to score has to find it. sentiment: PIXIU's FiQA and FPB, where a bag of words is far above
chance. finance: StockNet, next-day moves, with a control of random labels. law: lawyer-llama in
three buckets of length at equal tokens, bits per byte of held-out answers, and Elo of the three by
them. Every step is a command that a user would type; CPU time of each part is printed. With
`--into`, a run that was killed goes on behind its last whole step (another scale, other data or
tools are refused there); each part leaves `result.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
from datetime import date, timedelta
from pathlib import Path

from domain_law import law
from domain_steps import Runner

from mind_core import Record
from mind_core.output import write_records
from mind_core.stream import read_records

STEPS = {"ci": (20, 60), "full": (150, 200)}
"""Steps of pre-training on the part's own texts, and of fine-tuning."""

PLANTED = 0.9
CLOSED = {"2014-01-01", "2014-01-20", "2014-02-17", "2014-04-18", "2014-05-26", "2014-07-04",
          "2014-09-01", "2014-11-27", "2014-12-25"}  # fmt: skip


def market(runner: Runner, scale: str) -> dict[str, object]:
    """Plant a rule in a market, and look whether the path from prices to score finds it."""
    chooser = random.Random(0)
    days = [date(2014, 1, 1) + timedelta(days=n) for n in range(365)]
    days = [day for day in days if day.weekday() < 5 and str(day) not in CLOSED]
    moves = {"soars": 0.03, "plunges": -0.03, "waits": 0.0}
    rows, messages = ["ticker,date,open,close"], []
    for share in range(8):
        price = 100.0
        for n, day in enumerate(days):
            word = chooser.choice(list(moves))
            shown = (
                word
                if chooser.random() < PLANTED
                else chooser.choice([other for other in moves if other != word])
            )
            rows.append(f"S{share},{day},{price:.4f},{price * 1.0001:.4f}")
            place = chooser.choice(["asia", "europe", "america"])
            text = f"analysts say that demand {shown} in {place}"
            # A word of its own, or the same text about another share would be a story told before.
            name = "".join(chooser.choices("bcdfgklmnprst", k=7))
            messages.append(
                {"id": f"{share}-{n}", "text": f"{text} {name}",
                 "created": f"{day}T08:00:00", "ticker": f"S{share}"}
            )  # fmt: skip
            price *= 1 + moves[word]
    (runner.folder / "prices.csv").write_text("\n".join(rows) + "\n")
    write_records(runner.folder / "messages.zst", messages)
    runner.run(
        "mind-domain", "label", "--prices", "prices.csv", "messages.zst", "-o", "labelled.zst"
    )
    runner.run("mind-domain", "split", "--date", "2014-10-01", "--near-copies", "0",
               "labelled.zst", "-o", "split")  # fmt: skip
    return fit_and_score(runner, scale, "finance", 2000)


def sentiment(runner: Runner, scale: str) -> dict[str, object]:
    """Learn labels that people gave, from FiQA and half of FPB; test on FiQA's test side and the
    other half: in the one most texts are positive, in the other neutral."""
    pixiu = runner.data / "finance" / "pixiu"
    runner.folder.joinpath("split").mkdir(exist_ok=True)
    sides: dict[str, list[Record]] = {"train": [], "test": []}
    for name in ("fiqasa-train", "fiqasa-valid", "fiqasa-test", "FPB-valid"):
        runner.run("mind-domain", "read", "--domain", "sentiment", pixiu / f"{name}.jsonl.zst",
                   "-o", "rows.zst")  # fmt: skip
        runner.run("mind-domain", "label", "--domain", "sentiment", "rows.zst", "-o", f"{name}.zst")
        for row in read_records([runner.folder / f"{name}.zst"]):
            held = name == "fiqasa-test"
            if name == "FPB-valid":
                held = hashlib.sha256(str(row["text"]).encode()).digest()[0] < 128
            sides["test" if held else "train"].append(row)
    for side, rows in sides.items():
        write_records(runner.folder / "split" / f"{side}.jsonl.zst", rows)
    return fit_and_score(runner, scale, "sentiment", 3000)


def finance(runner: Runner, scale: str) -> dict[str, object]:
    """Predict next-day moves of StockNet's shares."""
    stocknet = runner.data / "finance" / "stocknet"
    runner.run("mind-domain", "read", stocknet / "tweets.jsonl.zst", "-o", "messages.zst")
    runner.run("mind-domain", "label", "--prices", stocknet / "prices.csv.zst", "messages.zst",
               "-o", "labelled.zst")  # fmt: skip
    size = 600 if scale == "ci" else 3000
    runner.run("mind-domain", "split", "--date", "2015-10-01", "--train-size", size * 4,
               "--test-size", size, "labelled.zst", "-o", "split")  # fmt: skip
    steps = (10, 20) if scale == "ci" else STEPS[scale]
    return fit_and_score(runner, scale, "finance", 4000, steps)


def fit_and_score(
    runner: Runner, scale: str, domain: str, vocabulary: int, steps: tuple[int, int] | None = None
) -> dict[str, object]:
    """Fine-tune on the training side and on random labels, and score both on the test side."""
    sides = {side: runner.folder / "split" / f"{side}.jsonl.zst" for side in ("train", "test")}
    for name, more in (("labels", []), ("chance", ["--random-labels"])):
        runner.run("mind-domain", "sft", "--domain", domain, "--language", "en", *more,
                   sides["train"], "-o", f"{name}.zst")  # fmt: skip
    chats = list(read_records([runner.folder / "labels.zst"]))
    pretrain, sft = steps or STEPS[scale]
    texts = [turn["content"] for chat in chats for turn in chat["messages"]]
    runner.base(texts, vocabulary, pretrain)
    for name in ("labels", "chance"):
        runner.tune(f"{name}.zst", f"model-{name}", sft)
    runner.run("mind-domain", "score", "--domain", domain, "--language", "en", "--model",
               "model-labels", "--versus", "random_labels=model-chance", "--train", sides["train"],
               "-q", "-o", "scores.json", sides["test"])  # fmt: skip
    scores = json.loads((runner.folder / "scores.json").read_text())
    print(
        f"accuracy {scores['metrics']['accuracy']}, {scores['clusters']} days, "
        f"n {scores['records']}"
    )
    for name, row in scores["versus"].items():
        print(f"  {name}: {row}")
    return {name: scores[name] for name in ("records", "clusters", "metrics", "versus")}


PARTS = {"market": market, "sentiment": sentiment, "finance": finance, "law": law}


def main() -> None:
    """Run the parts that were asked for, and say what they cost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--scale", choices=list(STEPS), default="ci")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--into", type=Path)
    asked = parser.parse_args()
    into = asked.into or Path(tempfile.mkdtemp(prefix="mind-domain-"))
    for part in asked.parts or list(PARTS):
        runner = Runner(into / part, asked.data, asked.scale)
        found = PARTS[part](runner, asked.scale)
        runner.write_result(part, asked.scale, found)
        print(f"{part}: {runner.seconds / 60:.1f} CPU minutes at scale {asked.scale}\n", flush=True)


if __name__ == "__main__":
    main()
