"""Verdicts: seats, rankings that are read, and every kind of judge."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from domain_chats import RECORDS, replies, taught

from mind_core import Reason
from mind_core.output import write_records
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_domain.judges.nll import bits_per_byte
from mind_domain.judges.trial import Trial, parse_ranking
from mind_domain.judging import AnsweredQuestion, JudgeRule, make_trials
from mind_tok.chat import encode_chat


def test_seats_are_drawn_for_each_question_and_repeat() -> None:
    answered = [AnsweredQuestion(f"q{n}", ({"role": "user", "content": "x"},), None,
                         {name: name for name in "abc"}) for n in range(300)]  # fmt: skip
    trials = make_trials(answered, JudgeRule(repeats=2, seed=1))
    assert len(trials) == 600
    counts = {name: [0, 0, 0] for name in "abc"}
    for trial in trials:
        assert trial.replies == trial.names
        for seat, name in enumerate(trial.names):
            counts[name][seat] += 1
    assert all(150 < count < 250 for row in counts.values() for count in row)
    same = sum(a.names == b.names for a, b in zip(trials[::2], trials[1::2], strict=True))
    assert 25 < same < 80  # one in six by chance
    assert trials == make_trials(answered, JudgeRule(repeats=2, seed=1))
    pairs = make_trials(answered[:1], JudgeRule(pairs=True))
    assert [trial.names for trial in pairs] == [
        ("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("B is better.\nRanking: B > A = C", ((1,), (0, 2))),
        ("排名：C>A>B。", ((2,), (0,), (1,))),
        ("**排名：B ＞ C ＝ A**", ((1,), (2, 0))),
        ("A, B, C", ((0,), (1,), (2,))),
        ("排序：A、B、C", ((0,), (1,), (2,))),
        ("b > a > c", ((1,), (0,), (2,))),
        ("Ranking: B > A", "incomplete"),
        ("Ranking: B > A > B", "double_letter"),
        ("Ranking: B > A > C > D", "unknown_letter"),
        ("I cannot rank them.", "unparsed"),
        ("Ranking: B > A > C\nI hope this helps.", "unparsed"),
        ("", "unparsed"),
    ],
)
def test_rankings_are_read_and_never_completed(text: str, wanted: object) -> None:
    found = parse_ranking(text, 3)
    assert (str(found) if isinstance(found, Reason) else found) == wanted


def test_a_person_fills_a_sheet(tmp_path: Path) -> None:
    write_records(tmp_path / "r.zst", replies(["a", "b", "c"], 4))
    arguments = ["judge", "--judge", "tsv", "--set", "tsv.file=sheet.tsv", "r.zst", "-o", "v.jsonl",
                 "-z", "0"]  # fmt: skip
    done = run_tool("mind-domain", arguments, folder=tmp_path)
    assert (done.code, "fill the column `ranking`" in done.stderr) == (0, True), done.stderr
    assert not (tmp_path / "v.jsonl").exists()
    with (tmp_path / "sheet.tsv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row, ranking in zip(rows, ["B > A > C", "A = B = C", "A > B", ""], strict=True):
        row["ranking"] = ranking
    with (tmp_path / "sheet.tsv").open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        sheet.writeheader()
        sheet.writerows(rows)
    done = run_tool("mind-domain", arguments, folder=tmp_path)
    assert done.code == 0, done.stderr
    verdicts = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert [verdict.get("failed") for verdict in verdicts] == [
        None,
        None,
        "incomplete",
        "not_filled",
    ]
    first = verdicts[0]
    seats = {letter: first["seats"][n] for n, letter in enumerate("ABC")}
    assert first["ranking"] == [[seats["B"]], [seats["A"]], [seats["C"]]]
    assert rows[0]["A"] == f"{seats['A']} says 0"
    assert sorted(verdicts[1]["ranking"][0]) == ["a", "b", "c"]
    assert first["lengths"] == {"a": 8, "b": 8, "c": 8}


def test_rankings_made_elsewhere(tmp_path: Path) -> None:
    write_records(tmp_path / "r.zst", replies(["a", "b"], 4))
    given = [
        {"question_id": "q0", "ranking": ["b", "a"]}, {"question_id": "q1", "ranking": ["a", "x"]},
        {"question_id": "q2", "ranking": ["a", "b", "a"]},
    ]  # fmt: skip
    write_records(tmp_path / "given.zst", given)
    done = run_tool(
        "mind-domain",
        ["judge", "--judge", "rankings", "--set", "rankings.file=given.zst", "r.zst"],
        folder=tmp_path,
    )
    assert done.code == 0, done.stderr
    assert [one.get("failed") for one in done.records] == [
        None, "unknown_model", "double_model", "no_ranking"
    ]  # fmt: skip
    assert done.records[0]["ranking"] == [["b"], ["a"]]


def test_unequal_questions_are_refused(tmp_path: Path) -> None:
    rows = replies(["a", "b"], 3)
    rows[2]["replies"] = {"a": "x", "c": "y"}
    write_records(tmp_path / "r.zst", rows)
    write_records(tmp_path / "v.zst", [{"question_id": "q0", "ranking": ["b", "a"]}])
    arguments = ["judge", "--judge", "rankings", "--set", "rankings.file=v.zst"]
    done = run_tool("mind-domain", [*arguments, "r.zst"], folder=tmp_path)
    assert (done.code, "question q2 has replies of a, c" in done.stderr) == (1, True)
    write_records(tmp_path / "d.zst", [*replies(["a", "b"], 2), *replies(["a", "b"], 1)])
    done = run_tool("mind-domain", [*arguments, "d.zst"], folder=tmp_path)
    assert (done.code, "come twice, as 'q0'" in done.stderr) == (1, True)


def test_nll_ranks_by_the_reference(models: dict[str, Path], tmp_path: Path) -> None:
    places = [f"{name}={path}" for name, path in models.items()]
    answered = [
        {"question_id": record["id"], "messages": taught(record)[:1],
         "reference": taught(record)[1]["content"], "replies": {"good": "x", "bad": "y"}}
        for record in RECORDS
    ]  # fmt: skip
    write_records(tmp_path / "r.zst", answered)
    done = run_tool(
        "mind-domain",
        ["judge", "--judge", "nll", "--set", f"nll.models={','.join(places)}", "r.zst", "-o",
         "v.zst"],
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    verdicts = list(read_records([tmp_path / "v.zst"]))
    assert all(one["ranking"] == [["good"], ["bad"]] for one in verdicts)
    assert all(one["bits_per_byte"]["good"] < one["bits_per_byte"]["bad"] for one in verdicts)
    talks = [{"id": record["id"], "messages": taught(record)} for record in RECORDS]
    write_records(tmp_path / "talks.zst", talks)  # nobody replied: the last answer is the reference
    again = run_tool(
        "mind-domain",
        ["judge", "--judge", "nll", "--set", f"nll.models={','.join(places)}", "talks.zst", "-o",
         "again.zst"],
        folder=tmp_path,
    )  # fmt: skip
    assert again.code == 0, again.stderr
    said = list(read_records([tmp_path / "again.zst"]))
    for name in ("question_id", "ranking"):
        assert [one[name] for one in said] == [one[name] for one in verdicts]
    rated = run_tool("mind-domain", ["elo", "--json", "v.zst"], folder=tmp_path)
    report = json.loads(rated.stdout)
    assert [row["model"] for row in report["models"]] == ["good", "bad"]
    assert report["models"][0]["marks"] == ["never_beaten"]


def test_bits_per_byte_are_those_of_the_loss(models: dict[str, Path]) -> None:
    from mind_train import load_checkpoint, token_losses

    chat = taught(RECORDS[0])
    trial = Trial("q", 0, (chat[0],), chat[1]["content"], ("a",), ("x",), "", "en")
    (found,) = bits_per_byte(str(models["good"]), [trial])
    model = load_checkpoint(models["good"])
    ids, mask = encode_chat(model.tokenizer, chat)
    losses = token_losses(model.model, torch.tensor([ids]))[0]
    scored = losses[torch.tensor(mask[1:]).bool()][:-1].sum()
    wanted = float(scored) / math.log(2) / len(chat[1]["content"].encode())
    assert found == pytest.approx(wanted, abs=1e-4)


def test_a_judge_that_cannot_be_read_is_asked_again_and_counted(
    server: Any, tmp_path: Path
) -> None:
    """The model gives reasons and a label, which is no ranking: three tries, then it is told."""
    write_records(tmp_path / "r.zst", replies(["a", "b"], 2))
    done = run_tool(
        "mind-domain",
        ["judge", "--judge", "endpoint", "--set", f"endpoint.model={server.address}#tiny", "--set",
         "endpoint.max_tokens=12", "--log", "log.jsonl", "r.zst", "-o", "v.zst"],
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert "2 verdicts on 2 questions; 2 unparsed" in done.stderr
    assert sum(server.asked.values()) == 6
    assert {one["failed"] for one in read_records([tmp_path / "v.zst"])} == {"unparsed"}
    rated = run_tool("mind-domain", ["elo", "v.zst"], folder=tmp_path)
    assert (rated.code, "no verdict in the input" in rated.stderr) == (1, True)
