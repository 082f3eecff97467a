"""Choose the small corpus of this folder from a larger data collection, always the same way.

    python tests/data/build.py COLLECTION [--out tests/data]
    python tests/data/build.py --check            compare this folder with its manifest

COLLECTION is a folder laid out like the data collection of the project: `web/*.jsonl.zst` (raw
pages as `{"id", "html", "url", "source", "metadata"}`), `text/TYPE/*.jsonl.zst`, `sft/`,
`benchmarks/`, `finance/stocknet/`, `law/disc-law-eval/`. Nothing is downloaded.

A record is chosen by the SHA-256 of its id (of its text for tweets, so that copies of one story
come together) among the records that pass the rules below, never by chance or by hand. What was
chosen, with a hash of every source line, is written to `selection.tsv.zst`, and sizes, counts and
hashes of inputs and outputs to `manifest.json`. Pages are copied byte for byte; `README.md` says
how the other records are put into one form. Needs the package `zstandard`.
"""

import argparse
import csv
import io
import json
import re
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import zstandard
from chat_sets import ANSWER_CHARS, CHAT_SETS
from collection import Chosen, Corpus, Row, digest, dump

# How many pages of each source and language. A page above PAGE_BYTES never comes in: a few
# reference pages of half a megabyte would crowd out everything else.
PAGES: dict[str, dict[str, int]] = {
    "libreoffice-help": {"zh-CN": 560, "zh-TW": 160, "en": 300},
    "debian-manuals": {"zh-CN": 40, "zh-TW": 22, "en": 70},
    "installation-guide": {"zh-CN": 166, "en": 166},
    "linux-doc": {"zh-CN": 200, "zh-TW": 45, "en": 70},
    "python-doc": {"en": 28},
    "anarchism-faq": {"en": 12},
}
PAGE_BYTES = 150_000
# Runs of seven digits and addresses: telephone, account and identity numbers stay out of the
# hand-made sets. Pages are published manuals and are kept as they are.
PERSONAL = re.compile(r"\d{7,}|\d{3,4}-\d{7,8}|@|AT_USER")
FIGURE = re.compile("图|表|材料")
TICKERS = {"KO": 420, "XOM": 420, "PFE": 420, "GE": 420, "WMT": 420, "BABA": 200, "CVX": 40}
TICKERS_WITH_PRICES = ("BABA", "GE", "KO", "PFE", "WMT", "XOM")
PRICES_FROM, PRICES_TO = "2013-12-02", "2015-12-31"


def ranked(candidates: Iterable[Chosen], count: int) -> list[Chosen]:
    """Take the `count` candidates whose ids have the smallest hashes, in the order given."""
    rows = list(candidates)
    taken = set(sorted((digest(key), n) for n, (key, _, _) in enumerate(rows))[:count])
    return [row for n, row in enumerate(rows) if (digest(row[0]), n) in taken]


def pages(corpus: Corpus) -> None:
    """Copy raw pages, per source and language, unchanged."""
    for source, quota in PAGES.items():
        candidates = [
            (row["metadata"]["lang"], (row["id"], line, line))
            for line, row in corpus.lines(f"web/{source}.jsonl.zst")
            if len(line) <= PAGE_BYTES
        ]
        taken = {
            key
            for lang, count in quota.items()
            for key, _, _ in ranked((c for language, c in candidates if language == lang), count)
        }
        chosen = [c for _, c in candidates if c[0] in taken]
        corpus.save_records(f"pages/{source}.jsonl.zst", chosen)


def instructions(corpus: Corpus) -> None:
    """Collect chat records with short answers from sets under free licences."""
    chosen: list[Chosen] = []
    for read, quota in CHAT_SETS:
        found = [
            (row["metadata"]["lang"], (row["id"], line, dump(row)))
            for line, row in read(corpus)
            if all(m["content"] for m in row["messages"])
            and all(len(m["content"]) <= ANSWER_CHARS for m in row["messages"][1::2])
            and not any(PERSONAL.search(m["content"]) for m in row["messages"])
        ]
        for lang, count in quota.items():
            chosen += ranked((c for language, c in found if language == lang), count)
    corpus.save_records("instructions.jsonl.zst", chosen)


def item(key: str, question: str, choices: list[str], answer: int, subject: str) -> Row:
    row = {"id": key, "question": question, "choices": choices, "answer": answer}
    return {**row, "subject": subject}


def benchmarks(corpus: Corpus) -> None:
    """Cut multiple-choice sets to one form: question, choices, index of the answer."""
    labels = corpus.read("benchmarks/piqa/valid-labels.lst").split()
    piqa = []
    for n, (line, row) in enumerate(corpus.lines("benchmarks/piqa/valid.jsonl.zst")):
        choices = [row["sol1"].strip(), row["sol2"].strip()]
        answer = item(f"piqa:valid:{n}", row["goal"], choices, int(labels[n]), "physical")
        piqa.append((answer["id"], line, dump(answer)))
    corpus.save_records("benchmarks/piqa.jsonl", ranked(piqa, 150))

    gaokao: list[Chosen] = []
    for subject in ("biology", "geography", "history"):
        found = []
        path = f"benchmarks/agieval/v1/gaokao-{subject}.jsonl.zst"
        for n, (line, row) in enumerate(corpus.lines(path)):
            choices = [re.sub(r"^\([A-D]\)", "", text).strip() for text in row["options"]]
            whole = row["question"] + "".join(choices)
            if row["passage"] or len(choices) != 4 or row["label"] not in tuple("ABCD"):
                continue
            if FIGURE.search(whole) or len(whole) > 400:
                continue  # the figure that the question speaks of is not in the file
            index = "ABCD".index(row["label"])
            made = item(f"gaokao:{subject}:{n}", row["question"].strip(), choices, index, subject)
            found.append((made["id"], line, dump(made)))
        gaokao += ranked(found, 50)
    corpus.save_records("benchmarks/gaokao.jsonl", gaokao)

    law = []
    table = corpus.read("law/disc-law-eval/objective/mcq_sing_lbk.csv.zst").decode("utf-8-sig")
    for n, row in enumerate(csv.DictReader(io.StringIO(table))):
        choices = [row[letter].strip() for letter in "ABCD"]
        index = "ABCD".index(row["output"].strip())
        made = item(f"disc-law:lbk:{n}", row["input"].strip(), choices, index, "law")
        law.append((made["id"], dump(row), dump(made)))
    corpus.save_records("benchmarks/disc-law.jsonl", ranked(law, 100))


def finance(corpus: Corpus) -> None:
    """Take dated messages on a few shares, copies included, and the daily prices."""
    chosen: list[Chosen] = []
    found: dict[str, list[tuple[str, Chosen]]] = {}
    for n, (line, row) in enumerate(corpus.lines("finance/stocknet/tweets.jsonl.zst")):
        words = row["text"].split()
        if row["ticker"] not in TICKERS or PERSONAL.search(row["text"]) or "rt" in words:
            continue
        created = datetime.strptime(row["created_at"], "%a %b %d %H:%M:%S %z %Y").isoformat()
        record = {
            "id": f"stocknet:{n}",
            "text": row["text"],
            "source": "stocknet",
            "created": created,
            "metadata": {"lang": "en", "ticker": row["ticker"], "license": "MIT"},
        }
        entry: Chosen = (record["id"], line, dump(record))
        found.setdefault(row["ticker"], []).append((row["text"], entry))
    for ticker, count in TICKERS.items():
        rows = sorted(found[ticker], key=lambda pair: (digest(pair[0]), pair[1][0]))
        chosen += [c for _, c in rows[:count]]
    chosen.sort(key=lambda c: (json.loads(c[2])["created"], c[0]))
    corpus.save_records("finance/messages.jsonl.zst", chosen)

    head, *rows_ = corpus.read("finance/stocknet/prices.csv.zst").splitlines(keepends=True)
    kept = [
        row
        for row in rows_
        if row.split(b",")[0].decode() in TICKERS_WITH_PRICES
        and PRICES_FROM <= row.split(b",")[1].decode() <= PRICES_TO
    ]
    corpus.save("finance/prices.csv.zst", head + b"".join(kept), len(kept))


def heldout(corpus: Corpus) -> None:
    """Collect texts that share no document with the pages, for bits per byte.

    Sources are spread evenly over the file, so that its first records are of both languages too.
    """
    placed: list[tuple[float, Chosen]] = []
    for path, count in (
        ("text/qa/xquad-zh.jsonl.zst", 60),
        ("text/law/prc-laws.jsonl.zst", 40),
        ("text/qa/xquad-en.jsonl.zst", 60),
        ("text/law/tw-laws-en.jsonl.zst", 40),
    ):
        found = ranked(
            (
                (row["id"], line, line)
                for line, row in corpus.lines(path)
                if 200 <= len(row["text"]) <= (4000 if row["metadata"]["lang"] == "en" else 1500)
            ),
            count,
        )
        placed += [((place + 0.5) / len(found), one) for place, one in enumerate(found)]
    placed.sort(key=lambda one: one[0])  # stable: of equal places the first source comes first
    corpus.save_records("heldout.jsonl.zst", [one for _, one in placed])


def check(folder: Path) -> list[str]:
    """List what differs between the files of a folder and its manifest."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    return [
        name
        for name, facts in manifest["files"].items()
        if not (folder / name).is_file() or digest((folder / name).read_bytes()) != facts["sha256"]
    ]


def main() -> int:
    """Build or check the folder; 1 when a file differs from the manifest."""
    parser = argparse.ArgumentParser(description="Choose the test corpus from a data collection.")
    parser.add_argument("collection", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check or options.collection is None:
        different = check(options.out)
        sys.stderr.write("".join(f"{name}: not as in the manifest\n" for name in different))
        return 1 if different else 0
    corpus = Corpus(options.collection, options.out)
    for step in (pages, instructions, benchmarks, finance, heldout):
        step(corpus)
    corpus.save("selection.tsv.zst", "".join(corpus.selection).encode(), len(corpus.selection))
    manifest = {
        "zstandard": zstandard.__version__,
        "total_bytes": sum(facts["bytes"] for facts in corpus.files.values()),
        "inputs": dict(sorted(corpus.inputs.items())),
        "files": dict(sorted(corpus.files.items())),
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    (options.out / "manifest.json").write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
