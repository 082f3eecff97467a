"""Run finance and law from raw records to a rated model, with controls that have to succeed.

usage: python benchmarks/domain_end_to_end.py market|sentiment|finance|law [--scale ci|full]
           [--data ../shared/data] [--into FOLDER]

market: a made-up market whose moves follow three words at a planted rate; the whole path from
prices to score has to find it. sentiment: PIXIU's FiQA and FPB, where a bag of words is far above
chance. finance: StockNet, next-day moves, with a control of random labels. law: lawyer-llama in
three buckets of length at equal tokens, bits per byte of held-out answers, and Elo of the three by
them. Every step is a command that a user would type; CPU time of each part is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from mind_core.output import write_records
from mind_core.stream import read_records

STEPS = {"ci": (20, 60), "full": (300, 400)}
"""Steps of pre-training on the part's own texts, and of fine-tuning."""

PLANTED = 0.9
CLOSED = {"2014-01-01", "2014-01-20", "2014-02-17", "2014-04-18", "2014-05-26", "2014-07-04",
          "2014-09-01", "2014-11-27", "2014-12-25"}  # fmt: skip


class Runner:
    """Run tools in a folder, and count their CPU time."""

    def __init__(self, folder: Path, scale: str, data: Path) -> None:
        self.folder, self.scale, self.data = folder, scale, data.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        self.pretrain, self.sft = STEPS[scale]

    def run(self, *arguments: object) -> str:
        """Run a command; stop with its messages if it fails."""
        command = [str(part) for part in arguments]
        tool = command.pop(0).replace("-", "_")
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MIND_CACHE": str(self.folder / "cache"),
        }
        done = subprocess.run(
            [sys.executable, "-m", tool, *command],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{tool} {' '.join(command)}\n{done.stderr}")
        return done.stdout

    def tokenizer(self, texts: list[str], size: int, *changes: object) -> None:
        """Train a tokenizer on texts, and a base model on them, by a recipe with changes."""
        write_records(
            self.folder / "texts.zst",
            ({"id": str(n), "text": text} for n, text in enumerate(texts)),
        )
        self.run("mind-tok", "train", "texts.zst", "--vocab-size", size, "-o", "tokenizer")
        self.run("mind-train", "pretrain", "texts.zst", "-t", "tokenizer", "-o", "base", "-q",
                 "--recipe", "tiny-cpu", "--set", f"train.steps={self.pretrain}",
                 "--set", "data.max_epochs=1000", *changes)  # fmt: skip

    def tune(self, chats: str, name: str, steps: int | None = None) -> None:
        """Fine-tune the base model on chats for so many steps."""
        self.run("mind-train", "sft", chats, "-t", "tokenizer", "--from", "base", "-o", name, "-q",
                 "--set", f"train.steps={steps or self.sft}", "--set", "train.epochs=0",
                 "--set", "optimizer.lr=1e-3", "--set", "data.max_epochs=1000")  # fmt: skip


def market(runner: Runner) -> dict[str, object]:
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
    return fit_and_score(runner, "finance", 2000)


def sentiment(runner: Runner) -> dict[str, object]:
    """Learn labels that people gave, from FiQA and half of FPB; test on FiQA's test side."""
    pixiu = runner.data / "finance" / "pixiu"
    runner.folder.joinpath("split").mkdir(exist_ok=True)
    for side, names in (
        ("train", ["fiqasa-train", "fiqasa-valid", "FPB-valid"]),
        ("test", ["fiqasa-test"]),
    ):
        runner.run("mind-domain", "read", "--domain", "sentiment",
                   *(pixiu / f"{name}.jsonl.zst" for name in names), "-o", "rows.zst")  # fmt: skip
        runner.run("mind-domain", "label", "--domain", "sentiment", "rows.zst",
                   "-o", f"split/{side}.jsonl.zst")  # fmt: skip
    return fit_and_score(runner, "sentiment", 3000)


def finance(runner: Runner) -> dict[str, object]:
    """Predict next-day moves of StockNet's shares."""
    stocknet = runner.data / "finance" / "stocknet"
    runner.run("mind-domain", "read", stocknet / "tweets.jsonl.zst", "-o", "messages.zst")
    runner.run("mind-domain", "label", "--prices", stocknet / "prices.csv.zst", "messages.zst",
               "-o", "labelled.zst")  # fmt: skip
    size = 600 if runner.scale == "ci" else 3000
    runner.run("mind-domain", "split", "--date", "2015-10-01", "--train-size", size * 4,
               "--test-size", size, "labelled.zst", "-o", "split")  # fmt: skip
    return fit_and_score(runner, "finance", 4000)


def fit_and_score(runner: Runner, domain: str, vocabulary: int) -> dict[str, object]:
    """Fine-tune on the training side and on random labels, and score both on the test side."""
    sides = {side: runner.folder / "split" / f"{side}.jsonl.zst" for side in ("train", "test")}
    for name, more in (("labels", []), ("chance", ["--random-labels"])):
        runner.run("mind-domain", "sft", "--domain", domain, "--language", "en", *more,
                   sides["train"], "-o", f"{name}.zst")  # fmt: skip
    chats = list(read_records([runner.folder / "labels.zst"]))
    runner.tokenizer([turn["content"] for chat in chats for turn in chat["messages"]], vocabulary)
    for name in ("labels", "chance"):
        runner.tune(f"{name}.zst", f"model-{name}")
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
    return {"accuracy": scores["metrics"]["accuracy"], "versus": scores["versus"]}


def law(runner: Runner) -> dict[str, object]:
    """Train on three buckets of length at equal tokens; test on held-out answers of each."""
    folder = runner.data / "sft" / "zh" / "lawyer-llama"
    names = ("legal_advice", "legal_counsel_with_article_v2", "zixun_gpt4", "fakao_gpt4")
    runner.run("mind-domain", "read", "--domain", "law",
               *(folder / f"{name}.json.zst" for name in names), "-o", "dialogues.zst")  # fmt: skip
    rows = list(read_records([runner.folder / "dialogues.zst"]))
    held = [row for row in rows if hashlib.sha256(str(row["id"]).encode()).digest()[0] < 26]
    kept = [row for row in rows if hashlib.sha256(str(row["id"]).encode()).digest()[0] >= 26]
    write_records(runner.folder / "train.zst", kept)
    write_records(runner.folder / "held.zst", held)
    # Rows that hold a question and 450 tokens of answer, of as many tokens a step as elsewhere.
    rows_of_a_step = ("--set", "train.batch=3")
    texts = [m["content"] for row in kept for m in row["messages"]]
    runner.tokenizer(texts, 6000, "--set", "model.context=768", *rows_of_a_step)
    edges = "0-450,200-300,300-450"
    for side in ("train", "held"):
        print(runner.run("mind-domain", "bucket", "--tokenizer", "own=tokenizer", "--edges", edges,
                         f"{side}.zst", "-o", f"buckets-{side}"))  # fmt: skip
    seeds = 1 if runner.scale == "ci" else 3
    buckets = edges.split(",")
    found: dict[str, object] = {}
    for seed in range(seeds):
        for bucket in buckets:
            runner.run("mind-train", "sft", f"buckets-train/own/{bucket}.equal.jsonl.zst", "-t",
                       "tokenizer", "--from", "base", "-o", f"m-{bucket}-{seed}", "-q", "--seed",
                       seed, *rows_of_a_step,
                       "--set", f"train.steps={runner.sft}", "--set", "train.epochs=0",
                       "--set", "optimizer.lr=1e-3", "--set", "data.max_epochs=1000")  # fmt: skip
    for test in buckets:
        questions = []
        for row in read_records([runner.folder / "buckets-held" / "own" / f"{test}.jsonl.zst"]):
            questions.append(
                {"question_id": row["id"], "messages": row["messages"][:-1],
                 "reference": row["messages"][-1]["content"],
                 "replies": {f"{b}-{n}": "-" for b in buckets for n in range(seeds)}}
            )  # fmt: skip
        write_records(runner.folder / "replies.zst", questions[:100])
        models = ",".join(f"{b}-{s}=m-{b}-{s}" for b in buckets for s in range(seeds))
        runner.run("mind-domain", "judge", "--judge", "nll", "--set", f"nll.models={models}",
                   "replies.zst", "-o", "verdicts.zst")  # fmt: skip
        print(f"held-out answers of {test} tokens:")
        print(runner.run("mind-domain", "elo", "--model", "plackett-luce", "verdicts.zst", "-o",
                         f"ratings-{test}.json", "--plot", f"ratings-{test}.svg"))  # fmt: skip
        found[test] = json.loads((runner.folder / f"ratings-{test}.json").read_text())["models"]
    return found


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
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        PARTS[part](Runner(into / part, asked.scale, asked.data))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{part}: {spent / 60:.1f} CPU minutes at scale {asked.scale}\n")


if __name__ == "__main__":
    main()
