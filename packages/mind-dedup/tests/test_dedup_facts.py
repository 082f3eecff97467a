"""What short texts and statutes must not differ in, and what their copies may."""

from __future__ import annotations

import numpy as np
import pytest
from test_dedup_kernels import batch_of

from mind_dedup.deduplicator import Deduplicator, Match
from mind_dedup.fingerprint_batch import FingerprintBatch
from mind_dedup.keep.policies import Best
from mind_dedup.loops.facts import FACT, KIND
from mind_dedup.shingles import shingle_sets_of
from mind_dedup.signatures.minhash import MinHash

THEFT = (
    "第二百六十四条　盗窃公私财物，数额较大的，或者多次盗窃、入户盗窃、"
    "携带凶器盗窃、扒窃的，处三年以下有期徒刑、拘役或者管制，并处或者单处罚金；数额巨大或者有其他严重情节的，处三年以上十年以下有期徒刑，并处罚金。"
)
WORD = "Determine the number of ways to arrange the letters of the word {}."
PAGE = "\n".join(
    ["{0}", "Sets the number of copies that are printed when the document is sent to the printer.",
     "{1}", "print [copies] [collate] where copies is a whole number and collate is true or false.",
     "{2}", "The value that was set before, or nothing if the document was never printed at all.",
     "{3}", "A call without an argument restores the value that the settings of the program give."]
)  # fmt: skip
LABELS = ("Function", "Syntax", "Return value", "Remarks"), ("函数", "语法", "返回值", "说明")


def decided(*texts: str, **options: object) -> list[Match | None]:
    signature = MinHash(bands=256, **options)  # type: ignore[arg-type]
    return Deduplicator(signature).decide(FingerprintBatch(signature)(batch_of(texts)).payload)


DIFFERENT = [
    (WORD.format("ELLIPSE"), WORD.format("NINE")),
    (THEFT, THEFT.replace("三年以下", "五年以下")),
    (THEFT, THEFT.replace("六十四", "六十六")),
    (THEFT + "处罚金二千元。", THEFT + "处罚金五千元。"),
    ("The fee of 1,000 dollars is paid within 30 days of the day on which the notice came.",
     "The fee of 1,000 dollars is paid within 90 days of the day on which the notice came."),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_number_or_word_in_capitals_is_another_text(one: str, other: str) -> None:
    assert decided(one, other, threshold=0.5) == [None, None]
    assert decided(one, other, threshold=0.5, facts=False, labels=0.0)[1] is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (THEFT, THEFT + "本条自发布之日起施行。"),
        (THEFT, THEFT.replace("数额较大的，", "")),
        (THEFT, THEFT.replace("有期徒刑、", "有期徒刑，或者一个月")),
        (f"{PAGE} In 1,000 cases.", f"{PAGE} In 1000 cases."),
        (f"{PAGE} On the 40th day.", f"{PAGE} On the 40 th day."),
    ],
)
def test_what_is_added_or_written_otherwise_is_a_copy(one: str, other: str) -> None:
    assert decided(one, other, threshold=0.6, labels=0.0)[1] is not None


def test_a_number_that_occurs_once_more_and_one_less() -> None:
    one = THEFT.replace("三年以上十年", "三年以上三年")
    assert decided(THEFT.replace("三年以下", "十年以下"), one, threshold=0.5) == [None, None]


def test_long_prose_has_no_facts_and_a_statute_has() -> None:
    long = "他在这里住了3天，然后走了，没有再回来，谁也不知道他去了哪里。" * 30
    law = "".join(f"第{n}条　{THEFT[8:]}" for n in "一二三四五六七八九十")
    sets = shingle_sets_of([long, law])
    assert [bool(((own & KIND) == FACT).any()) for own in (sets[0], sets[1])] == [False, True]
    assert decided(law, law.replace("十年以下", "七年以下", 1))[1] is None


def test_many_capitals_say_nothing() -> None:
    own = shingle_sets_of(["THIS TEXT IS WRITTEN IN CAPITALS AS A WHOLE BY SOMEBODY"])[0]
    assert not ((own & KIND) == FACT).any()


def test_a_partly_translated_page_goes() -> None:
    english, chinese = PAGE.format(*LABELS[0]), PAGE.format(*LABELS[1])
    for texts in ((english, chinese), (chinese, english)):
        match = decided(*texts)[1]
        assert match is not None
        assert match.reason == "partly_translated"
        assert match.similarity is not None and 0.5 <= match.similarity < 0.8
    assert decided(english, chinese, labels=0.0) == [None, None]


def test_other_words_in_the_same_script_are_no_translation() -> None:
    english = PAGE.format(*LABELS[0])
    assert decided(english, PAGE.format("Method", "Usage", "Result", "Notes"))[1] is None
    other = PAGE.format(*LABELS[1]).replace("printer", "screen").replace("collate", "duplex")
    assert decided(english, other)[1] is None
    assert decided("天地玄黄" + english, "宇宙洪荒" + english, threshold=0.99)[1] is None


def test_the_answer_does_not_depend_on_batches() -> None:
    texts = [text for pair in DIFFERENT for text in pair] + [PAGE.format(*own) for own in LABELS]
    signature = MinHash()
    decider, found = Deduplicator(signature), []
    for row, text in enumerate(texts):
        found += decider.decide(FingerprintBatch(signature)(batch_of([text], row)).payload)
    whole = Deduplicator(signature).decide(FingerprintBatch(signature)(batch_of(texts)).payload)
    assert found == whole
    assert np.flatnonzero([match is not None for match in whole]).tolist() == [4, 6, 7, 11]


def test_the_best_copy_is_in_one_language_without_markup() -> None:
    english, mixed = PAGE.format(*LABELS[0]), PAGE.format(*LABELS[1])
    for better, worse in (
        (english, mixed),
        (english, english.replace("Sets", "<b>Sets</b> &nbsp;")),
        (english, english[:-20]),
        (THEFT, THEFT.replace("有期徒刑", "fixed-term imprisonment")),
    ):
        assert Best()({"text": better}) > Best()({"text": worse})
    assert Best()({"text": ""}) == 0.0 and Best()({}) == float("-inf")
    assert Best("score")({"text": english}) == float("-inf")
