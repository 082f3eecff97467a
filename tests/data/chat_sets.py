"""Read sets under free licences as chat records: who they come from and how many are taken."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from collection import Corpus, Row, dump

ANSWER_CHARS = 600
# Addresses and telephone numbers of businesses, long mailed questions, and jokes on people.
SKIPPED_TOPICS = {"travel", "tech_support", "politics", "humor", "gossip"}
FINANCE_WORDS = re.compile("金融|股|基金|投资|银行|贷款|信用|外汇|保险|利率|税|债|市场|财务|会计")


def chat(key: str, turns: list[str], source: str, lang: str, license_: str) -> Row:
    """Put alternating turns, user first, into an instruction record."""
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(turns)]
    metadata = {"lang": lang, "license": license_}
    return {"id": key, "messages": messages, "source": source, "metadata": metadata}


def disc_finllm(corpus: Corpus) -> Iterator[tuple[bytes, Row]]:
    for part in ("consulting", "computing"):
        rows = json.loads(corpus.read(f"sft/zh/disc-finllm/{part}_part.json.zst"))
        for n, row in enumerate(rows):
            prompt = f"{row['instruction']}\n\n{row['input']}".strip()
            # The consulting part also holds general writing tasks that resemble another set.
            if row["history"] or not (part == "computing" or FINANCE_WORDS.search(prompt)):
                continue
            turns = [prompt, row["output"]]
            yield (
                dump(row),
                chat(f"disc-finllm:{part}:{n}", turns, "disc-finllm", "zh-CN", "Apache-2.0"),
            )


def dialogues(path: str, source: str, license_: str) -> Callable[[Corpus], Iterator[Any]]:
    """Read sets that hold one utterance a line, beginning with the person who asks."""

    def read(corpus: Corpus) -> Iterator[tuple[bytes, Row]]:
        for line, row in corpus.lines(path):
            turns = [turn.strip() for turn in row["text"].split("\n")]
            if row["metadata"]["topic"] in SKIPPED_TOPICS or not all(turns):
                continue
            even = turns[: len(turns) // 2 * 2]
            lang = {"zh-Hans": "zh-CN", "zh-Hant": "zh-TW"}.get(row["metadata"]["lang"], "en")
            yield line, chat(row["id"], even, source, lang, license_)

    return read


def cmrc2018(corpus: Corpus) -> Iterator[tuple[bytes, Row]]:
    for line, row in corpus.lines("text/qa/cmrc2018.jsonl.zst"):
        paragraph, _, questions = row["text"].partition("\n\n问：")
        question, _, answer = questions.split("\n问：")[0].partition("\n答：")
        if answer and len(paragraph) <= ANSWER_CHARS:
            turns = [f"{paragraph}\n\n{question}", answer]
            yield line, chat(row["id"], turns, "cmrc2018", "zh-CN", "CC-BY-SA-4.0")


def tal_scq5k(corpus: Corpus) -> Iterator[tuple[bytes, Row]]:
    for line, row in corpus.lines("text/math/tal-scq5k-ch.jsonl.zst"):
        match = re.fullmatch(r"(.+\n[B-G]\. [^\n]*)\n(.+)", row["text"], re.DOTALL)
        if match:
            yield line, chat(row["id"], list(match.groups()), "tal-scq5k", "zh-CN", "MIT")


def self_instruct(path: str, source: str) -> Callable[[Corpus], Iterator[Any]]:
    def read(corpus: Corpus) -> Iterator[tuple[bytes, Row]]:
        for line, row in corpus.lines(path):
            first = row["instances"][0]
            turns = [f"{row['instruction']}\n\n{first['input']}".strip(), first["output"].strip()]
            yield line, chat(f"{source}:{row['id']}", turns, source, "en", "Apache-2.0")

    return read


CHAT_SETS: list[tuple[Callable[[Corpus], Iterator[Any]], dict[str, int]]] = [
    (disc_finllm, {"zh-CN": 130}),
    (dialogues("text/dialogue/kdconv.jsonl.zst", "kdconv", "Apache-2.0"), {"zh-CN": 100}),
    (cmrc2018, {"zh-CN": 100}),
    (tal_scq5k, {"zh-CN": 80}),
    (
        dialogues("text/dialogue/chatterbot.jsonl.zst", "chatterbot-corpus", "BSD-3-Clause"),
        {"zh-CN": 50, "zh-TW": 30, "en": 80},
    ),
    (self_instruct("sft/en/self-instruct-seed/seed_tasks.jsonl.zst", "self-instruct-seed"),
     {"en": 160}),
    (self_instruct(
        "sft/en/self-instruct-user-oriented/user_oriented_instructions.jsonl.zst",
        "self-instruct-user-oriented"), {"en": 220}),
]  # fmt: skip
