"""Rationales of a teacher: what is kept of them, and what becomes chats."""

import json
from pathlib import Path
from typing import Any

import pytest
from domain_chats import RECORDS, TEXTS, labelled, taught

from mind_core.output import write_records
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_domain.distilling import DistilRule, check_rationale, make_lesson
from mind_domain.domains.finance.finance import Finance
from mind_domain.teachers import Decoding, Reply


def test_rationales_are_kept_if_they_lead_to_the_label(server: Any, tmp_path: Path) -> None:
    wrong = labelled(1, "flat")
    wrong["metadata"]["mind"]["domain"]["label"] = "fall"
    write_records(tmp_path / "train.zst", [*RECORDS, {**wrong, "id": "wrong"}])
    done = run_tool(
        "mind-domain",
        ["distil", "--teacher", f"{server.address}#tiny", "--max-tokens", "40", "--language", "en",
         "--log", "log.jsonl", "--rejects", "no.jsonl", "--summary", "s.json", "train.zst", "-o",
         "kept.zst"],
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["in"], summary["kept"], summary["rejected"]) == (10, 9, {"distil.disagrees": 1})
    assert summary["details"]["keep_rates"] == {"fall": 0.75, "flat": 1.0, "rise": 1.0}
    (no,) = read_records([tmp_path / "no.jsonl"])
    assert (no["id"], no["metadata"]["mind"]["rejected"]["reason"]) == ("wrong", "disagrees")
    assert summary["details"]["asked"] == 9  # the wrong one asks what another one asked
    for line in (tmp_path / "log.jsonl").read_text().splitlines():
        asked = json.loads(line)["messages"][0]["content"]
        assert "What happened" not in asked  # the teacher is not told the label
    kept = list(read_records([tmp_path / "kept.zst"]))
    assert kept[0]["metadata"]["mind"]["domain"]["rationale"] == "More is paid out."
    assert kept[0]["metadata"]["mind"]["domain"]["hint"] == "none"
    write_records(tmp_path / "mixed.zst", [*kept[:2], RECORDS[2]])
    chats = run_tool(
        "mind-domain",
        ["sft", "--cot", "auxiliary", "--language", "en", "mixed.zst"],
        folder=tmp_path,
    )
    assert chats.code == 0, chats.stderr
    assert "3 in, 3 kept" in chats.stderr
    answers = [chat["messages"][1]["content"] for chat in chats.records]
    assert answers == ["rise", "More is paid out.\nAnswer: rise", "flat",
                       "Nothing is new.\nAnswer: flat", "fall"]  # fmt: skip
    marks = [chat["messages"][0]["content"].split("\n")[0] for chat in chats.records]
    assert marks == ["Task: label", "Task: reasons", "Task: label", "Task: reasons", "Task: label"]
    only = run_tool("mind-domain", ["sft", "--cot", "only", "mixed.zst"], folder=tmp_path)
    assert ("3 in, 2 kept" in only.stderr, len(only.records)) == (True, 2)


@pytest.mark.parametrize(
    ("verb", "rejected"),
    [
        ("answer --model m={good} --max-tokens 1", {}),
        ("bucket --tokenizer t={tokenizer} --edges 0-19", {"bucket.outside": 1}),
        ("distil --teacher {good} --max-tokens 40 --language en", {"distil.disagrees": 3}),
        ("judge --judge nll --set nll.models=a={good},b={bad}", {}),
        ("score --model {good} --language en", {}),
    ],
)
def test_all_that_is_not_kept_is_counted_and_written_aside(
    models: dict[str, Path], tmp_path: Path, verb: str, rejected: dict[str, int]
) -> None:
    rows = [{**labelled(n, "rise"), "messages": taught(labelled(n, "rise"))} for n in range(3)]
    rows[2]["messages"][1]["content"] *= 9
    if "distil" in verb or "score" in verb:
        rows = [{**labelled(n, "rise"), "text": f"{TEXTS['fall'][0]} {n // 3}"} for n in range(3)]
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "in.jsonl").write_text("\n".join([lines[0], '{"torn', *lines[1:], '{"a": 1}', ""]))
    places = {**models, "tokenizer": models["good"].parent / "tokenizer"}
    done = run_tool(
        "mind-domain",
        [*verb.format(**places).split(), "in.jsonl", "--skip-bad", "all", "--rejects", "no.zst",
         "--summary", "s.json", "-o", "out"],
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["in"], summary["bad"].pop("not_json"), summary["bad"]) == (
        5, 1, {"missing_field": 1},
    )  # fmt: skip
    assert summary["rejected"] == rejected
    aside = [one["metadata"]["mind"]["rejected"] for one in read_records([tmp_path / "no.zst"])]
    assert [one["step"] for one in aside[:2]] == ["read", "read"]
    assert len(aside) == summary["in"] - summary["kept"]


@pytest.mark.parametrize(
    ("text", "finish", "wanted"),
    [
        ("It pays more.\nAnswer: rise", "stop", "It pays more."),
        ("It pays more.\nAnswer: fall", "stop", "disagrees"),
        ("It pays more, so it should rise.", "stop", "unparsed"),
        ("rise", "stop", "no_reasons"),
        ("It pays", "length", "cut"),
        ("", "content_filter", "filtered"),
        ("On 2015-07-03 it opened higher.\nrise", "stop", "looks_ahead"),
        ("2015年7月10日将会上涨。\n答案：上涨", "stop", "looks_ahead"),
        ("On July 10, 2015 it rose.\nrise", "stop", "looks_ahead"),
        ("It rose by 10th of July.\nrise", "stop", "looks_ahead"),
        ("Buyers came on Jul. 6.\nrise", "stop", "looks_ahead"),
        ("7月6日股价上涨。\n答案：上涨", "stop", "looks_ahead"),
        ("All 10 may decline 3 by 1 July.\nrise", "stop", "All 10 may decline 3 by 1 July."),
        ("The share gained 1.23% afterwards.\nrise", "stop", "looks_ahead"),
        ("On 2015-07-01 it paid 3.5% more.\nrise", "stop", "On 2015-07-01 it paid 3.5% more."),
    ],
)
def test_what_of_a_rationale_is_kept(text: str, finish: str, wanted: str) -> None:
    rule = DistilRule("x", Decoding(), "en")
    lesson = make_lesson(RECORDS[0], "x", Finance(), rule)
    assert str(check_rationale(lesson, Reply(text, finish, 1))) == wanted


def test_a_hint_is_marked() -> None:
    told = make_lesson(RECORDS[0], "x", Finance(), DistilRule("x", Decoding(), "en", "label"))
    plain = make_lesson(RECORDS[0], "x", Finance(), DistilRule("x", Decoding(), "en"))
    assert "(What happened: rise.)" in told.messages[0]["content"]
    assert "rise.)" not in plain.messages[0]["content"]


def test_a_day_that_the_text_announces_is_no_foresight() -> None:
    record = labelled(0, "rise")
    record["text"] += ", paid on July 10"
    lesson = make_lesson(record, "x", Finance(), DistilRule("x", Decoding(), "en"))
    said = "It pays on 2015-07-10."
    assert check_rationale(lesson, Reply(f"{said}\nrise", "stop", 1)) == said
    found = check_rationale(lesson, Reply("It fell on July 13.\nrise", "stop", 1))
    assert str(found) == "looks_ahead"
