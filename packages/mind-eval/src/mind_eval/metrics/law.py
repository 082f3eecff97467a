"""LawBench's metrics by task, as its authors' programs measure (Fei et al. 2023, arXiv:2309.16289).

A rule takes what a model wrote and the reference as it is published, and gives the score (0 to 1)
and whether the model abstained: wrote nothing that the rule could take for an answer. Checked on
the outputs and scores that the authors publish (`mind-eval conform --external`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from importlib import import_module
from typing import Any

from mind_core import MindError
from mind_eval.metrics.extract import with_digits
from mind_eval.metrics.written import longest_common

Scored = tuple[float, bool]
"""Score and abstention."""

Rule = Callable[[str, str], Scored]

TASKS = (
    "1-1", "1-2", "2-2", "2-3", "2-4", "2-5", "2-6", "2-7", "2-8", "2-9", "2-10", "3-1", "3-2",
    "3-3", "3-4", "3-5", "3-6", "3-7", "3-8",
)  # fmt: skip
"""All but 2-1, whose F0.5 is of edits that ChERRANT finds."""

CHARGES = "3-3"
"""The task whose options are the charges that its references name."""

LONGEST_TERM = math.log(216)
"""The distance of a term that was not named: 215 months against none."""

ENTITIES = (
    "犯罪嫌疑人", "受害人", "被盗货币", "物品价值", "盗窃获利", "被盗物品", "作案工具", "时间",
    "地点", "组织机构",
)  # fmt: skip
_MOST_DIGITS = 4000
"""Digits of a number that are read: `int` fails at more than 4,300, and no term has as many."""

UNMENTIONED = ("无", "未提及")
EPSILON = 1e-8
"""In the denominator of F, as rouge-chinese has it."""


_ENDS = (
    (re.compile(r"([。！？?])([^”’])"), "\\1\n\\2"),
    (re.compile(r"(\.{6})([^”’])"), "\\1\n\\2"),
    (re.compile(r"(…{2})([^”’])"), "\\1\n\\2"),
    (re.compile(r"([。！？?][”’])([^，。！？?])"), "\\1\n\\2"),
)
"""Where rouge-chinese ends a sentence; a blank one counts as an empty word there, so here too."""


@lru_cache(maxsize=1)
def _dictionary() -> Any:
    """Read jieba's dictionary; without its cache, a file in /tmp that anybody could have put there.

    Raises `MindError` if jieba is not installed.
    """
    try:
        jieba = import_module("jieba")
    except ImportError as error:
        raise MindError(
            "LawBench's ROUGE-L compares words, which jieba cuts",
            cause=error,
            hint="pip install 'mind-eval[law]'",
        ) from error
    made = jieba.Tokenizer()
    # What `initialize` does, less the cache.
    made.FREQ, made.total = made.gen_pfdict(made.get_dict_file())
    made.initialized = True
    return made


def words(text: str) -> list[str]:
    """Cut a Chinese text into words by jieba, as the published scores were made."""
    cut = " ".join(_dictionary().cut(text))
    # As the authors' program: an empty text is the words "no content".
    cut = cut if cut.strip() else "无内容"
    for pattern, ended in _ENDS:
        cut = pattern.sub(ended, cut)
    sentences = [one for one in cut.rstrip().split("\n") if one]
    return [word for one in sentences for word in " ".join(one.split()).split(" ")]


def rouge_words(text: str, wanted: str) -> Scored:
    """Return ROUGE-L's F over words; an empty text counts as one word that matches nothing."""
    mine, theirs = words(text), words(wanted)
    common = longest_common(mine, theirs)
    precision, recall = common / len(mine), common / len(theirs)
    f = 2 * precision * recall / (precision + recall + EPSILON)
    return f, not text.strip()


def only_choice(text: str, wanted: str, options: Collection[str]) -> Scored:
    """Right if of all options the right one alone is named anywhere in the text."""
    named = {option for option in options if option in text}
    return float(named == {wanted}), not named


def several_choices(text: str, wanted: Collection[str], options: Collection[str]) -> Scored:
    """Return the F1 of the options named anywhere in the text and the right ones."""
    named = {option for option in options if option in text}
    return f1_of_sets(named, set(wanted)), not named


def f1_of_sets(named: Collection[object], wanted: Collection[object]) -> float:
    """Return 2 · shared / (both sizes), 0 where nothing is shared."""
    shared = len(set(named) & set(wanted))
    return 2 * shared / (len(named) + len(wanted)) if shared else 0.0


def characters_f1(wanted: str, text: str) -> float:
    """Return the F1 of letters, digits and Chinese characters as bags (CAIL's reading task)."""
    a, b = (
        Counter(ch for ch in one.lower() if ch.isdigit() or ch.isalpha()) for one in (wanted, text)
    )
    if not a or not b:
        return float(a == b)
    shared = (a & b).total()
    return 2 * shared / (a.total() + b.total())


def reading(text: str, wanted: str) -> Scored:
    """Compare an answer about a passage, by characters."""
    return characters_f1(wanted, text), not text.strip()


def entities(text: str, wanted: str) -> Scored:
    """Return the F1 of extracted entities, each as far as its characters agree."""
    golds = dict(part.split(":")[:2] for part in wanted.split(";") if ":" in part)
    found = {kind: said for kind in ENTITIES if (said := _said_of(kind, text)) is not None}
    # Nothing is to be found: right if nothing was.
    if not golds:
        return float(not found), False
    shared = sum(characters_f1(golds[kind], said) for kind, said in found.items() if kind in golds)
    return _f1(shared, len(found), len(golds)), not found


_WORD = re.compile(r"\s*+([^\n ]*+)")


def _said_of(kind: str, text: str) -> str | None:
    """Find what stands after `kind:`, up to a space or the end of the line; the last that is."""
    last = None
    for place in re.finditer(kind, text):
        end = place.end()
        # The bound is the authors' as well: a kind at the very end is not read.
        if end < len(text) - 2 and text[end] in ":：":
            found = _WORD.match(text, end + 1)
            said = found[1].strip() if found else ""
            # "None" or "not mentioned" does not undo what was said before.
            last = last if said in UNMENTIONED else said
    return last


def triggers(text: str, wanted: str) -> Scored:
    """Return the F1 of words in their order, each as far as its characters agree."""
    golds, found = wanted.split(";"), text.split(";")
    shared = sum(characters_f1(a, b) for a, b in zip(golds, found, strict=False))
    return _f1(shared, len(found), len(golds)), not text.strip()


def _f1(shared: float, found: int, wanted: int) -> float:
    precision, recall = (shared / found if found else 0.0), (shared / wanted if wanted else 0.0)
    return 2 * precision * recall / (precision + recall + 1e-10)


def articles(text: str, wanted: str) -> Scored:
    """Return the F1 of articles of the criminal law: the first number of each part between 、."""
    golds = {int(number) for number in re.findall(r"\d+", wanted)}
    found = set()
    for part in text.split("、"):
        # The paragraph of an article has a number too, which is not the article's.
        part = _between(part.replace("万元", "元"), "第", "款", keep=False)
        part = _between(part, "第", "条", keep=True)
        if number := re.search(r"\d+", with_digits(part)):
            found.add(int(number[0][:_MOST_DIGITS]))
    return f1_of_sets(found, golds), not found


def _between(text: str, first: str, last: str, *, keep: bool) -> str:
    """Drop `first` … `last` on each line, or, to keep what is between, the two marks alone."""
    lines = []
    for line in text.split("\n"):
        parts, place = [], 0
        while (start := line.find(first, place)) >= 0 and (end := line.find(last, start)) >= 0:
            parts += [line[place:start], line[start + len(first) : end] if keep else ""]
            place = end + len(last)
        lines.append("".join([*parts, line[place:]]))
    return "\n".join(lines)


def term(text: str, wanted: str) -> Scored:
    """Compare a term of imprisonment in months by the distance of logarithms, scaled to 0 … 1."""
    gold, said = int(re.findall(r"\d+", wanted)[0]), with_digits(text)
    months = re.findall(r"(?<!\d)(\d++)个月", said) + re.findall(r"(?<!\d)(\d++)月", said)
    years = re.findall(r"(?<!\d)(\d++)年", said)
    if not months and not years:
        return 0.0, True
    # As the authors' program: months go before years, and are not added to them.
    said = (months or years)[0][:_MOST_DIGITS]
    named = int(said) * (1 if months else 12)
    # One more, so that a term of 0 months has a logarithm.
    distance = abs(math.log(gold + 1) - math.log(named + 1))
    return (LONGEST_TERM - distance) / LONGEST_TERM, False


def amount(text: str, wanted: str) -> Scored:
    """Right if the amount is among the numbers of the text."""
    (gold,) = re.findall(r"\d+\.?\d*", wanted)
    found = [float(number) for number in re.findall(r"\d+\.?\d*", text)]
    return float(float(gold) in found), not found


def charges_of(answers: Iterable[str]) -> list[str]:
    """Collect the charges that the references of the task name: 罪名:盗窃;诈骗."""
    return sorted({one for text in answers for one in text.removeprefix("罪名:").split(";")})


def labels_of(instruction: str) -> list[str]:
    """Read the labels that an instruction lists after 包括."""
    for mark in ("包括:", "包括："):
        _, found, rest = instruction.partition(mark)
        if found:
            return re.split("[、，]", rest.partition("。")[0])
    return []


def lawbench(doc: Mapping[str, Any], text: str) -> dict[str, float]:
    """Score a text for an item of LawBench."""
    score, abstained = rule_of(doc["subject"], doc["options"])(text, doc["answer"])
    return {"score": score, "abstained": float(abstained)}


def rule_of(task: str, options: Sequence[str] = ()) -> Rule:
    """Return the rule of a task by its number; `options` are the labels that it chooses from.

    Raises `KeyError` for a task that has none here (2-1, whose metric is ChERRANT's F0.5).
    """

    def cleaned(rule: Callable[[str, str, Collection[str]], Scored], cut: str) -> Rule:
        return lambda text, wanted: rule(text, re.sub(cut, "", wanted), options)

    def sets(cut: str, between: str) -> Rule:
        return lambda text, wanted: several_choices(
            text, re.sub(cut, "", wanted).split(between), options
        )

    def choice(text: str, wanted: str, letters: str) -> Scored:
        return only_choice(text, re.sub(r"^\[?正确答案[\]:：]", "", wanted)[0], letters)

    rules: Mapping[str, Rule] = {
        "1-1": lambda text, wanted: rouge_words(text, wanted.replace("答案:", "")),
        "1-2": partial(choice, letters="ABCD"),
        "2-2": cleaned(only_choice, "^争议焦点类别：|。$"),
        "2-3": sets("^类别:|。$", "、"),
        "2-4": cleaned(only_choice, "^$"),
        "2-5": lambda text, wanted: reading(text, wanted.replace("回答:", "")),
        "2-6": entities,
        "2-7": rouge_words,
        "2-8": partial(choice, letters="ABCDE"),
        "2-9": sets("^$", ";"),
        "2-10": triggers,
        "3-1": articles,
        "3-2": rouge_words,
        "3-3": sets("^罪名:", ";"),
        "3-4": term,
        "3-5": term,
        "3-6": partial(choice, letters="ABCD"),
        "3-7": amount,
        "3-8": rouge_words,
    }
    return rules[task]
