"""Records keep what they carry."""

import pickle

import pytest

from mind_core import Reason
from mind_core.errors import BadRecord, MindError, UsageError, did_you_mean
from mind_core.records import annotate, annotation, decode, describe, encode, text_of
from mind_core.text.languages import language_of, language_of_text
from mind_core.text.scripts import count_han


def test_unknown_keys_pass_untouched() -> None:
    line = '{"z":[1,{"é":null}],"id":"1","text":"t","x":1.5,"n":9007199254740993}\n'.encode()
    assert encode(decode(line, "x:1")) == line


@pytest.mark.parametrize("record", [{}, {"text": None}, {"text": 3}, {"text": ["a"]}])
def test_a_missing_text_is_a_bad_record(record: dict) -> None:
    with pytest.raises(BadRecord, match="f.txt:7"):
        text_of(record, "f.txt:7")


@pytest.mark.parametrize("metadata", [None, {}, {"mind": None}, {"mind": {"clean": {"a": 1}}}])
def test_annotations_find_their_place(metadata: dict | None) -> None:
    record = {"metadata": metadata} if metadata is not None else {}
    earlier = dict(annotation(record, "clean"))
    annotate(record, "clean", script="Hans")
    assert annotation(record, "clean") == {**earlier, "script": "Hans"}


def test_a_foreign_metadata_value_is_not_lost() -> None:
    record = {"metadata": "a string"}
    annotate(record, "clean", n=1)
    assert record["metadata"] == {"value": "a string", "mind": {"clean": {"n": 1}}}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("春江潮水连海平", "zh"),
        ("Use the 打印 dialog to print the document.", "en"),
        ("使用 LibreOffice Writer 打印文档的方法", "zh"),
        ("123 ...", "und"),
        ("", "und"),
        ("𠀀𠀁", "zh"),
    ],
)
def test_language_by_script(text: str, language: str) -> None:
    assert language_of_text(text) == language


def test_the_language_of_the_text_comes_before_the_edition() -> None:
    record = {"text": "All of this page is English.", "metadata": {"lang": "zh-CN"}}
    assert language_of(record) == "en"
    assert language_of({"metadata": {"lang": "zh-CN"}}) == "zh"
    annotate(record, "clean", language="zh")
    assert language_of(record) == "zh"


def test_han_are_counted_with_extensions_and_without_kana() -> None:
    assert (
        count_han("漢字かな交じり文𠮷〇 abc，。") == 6
    )  # 〇 is written as a numeral and is Han by Unicode's scripts


def test_a_reason_carries_value_and_threshold() -> None:
    reason = Reason("text_density", 0.61234, 0.75)
    assert reason == "text_density" and isinstance(reason, str)
    assert describe(reason) == {"reason": "text_density", "value": 0.61234, "threshold": 0.75}
    assert describe("plain") == {"reason": "plain"}


@pytest.mark.parametrize(
    "error",
    [
        MindError("m", cause=ValueError("v"), hint="h"),
        UsageError("m"),
        BadRecord("not_json", "f:1", b"x"),
    ],
)
def test_errors_cross_processes(error: MindError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert again.lines("t") == error.lines("t") and again.code == error.code
    assert getattr(again, "reason", None) == getattr(error, "reason", None)


def test_near_names_are_suggested() -> None:
    assert "text_density" in did_you_mean("text_densty", ["text_density", "pii"])
    assert did_you_mean("zzz", ["text_density"]) == ""
