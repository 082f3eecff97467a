"""Replies, verdicts and rationales from a real checkpoint, local and behind a server."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from mind_core import MindError, Reason, Record
from mind_core.output import write_records
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_domain.chat_format import build_chat, cot_question
from mind_domain.distilling import DistilRule, check_rationale, make_lesson
from mind_domain.domains.finance.finance import Finance
from mind_domain.judges.nll import bits_per_byte
from mind_domain.judges.trial import Trial, parse_ranking
from mind_domain.judging import AnsweredQuestion, JudgeRule, make_trials
from mind_domain.teachers import Decoding, Reply
from mind_tok.chat import encode_chat
from mind_tok.sentencepiece import Bpe
from mind_train.checkpoint import save_checkpoint
from mind_train.models.mindllm import MindLLMConfig


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


loopback = load("loopback")

TEXTS = {
    "rise": ("the dividend grows", "More is paid out."),
    "flat": ("the meeting is on tuesday", "Nothing is new."),
    "fall": ("the plant burned down", "Less is made."),
}


def labelled(number: int, label: str) -> Record:
    noted = {
        "label": label, "labels": ["rise", "flat", "fall"], "cluster": f"KO {number}",
        "ticker": "KO", "horizon": 1, "published": "2015-07-02T10:00:00-04:00", "change": 0.0123,
    }  # fmt: skip
    text = f"{TEXTS[label][0]} {number // 3}"
    return {"id": f"r{number}", "text": text, "metadata": {"mind": {"domain": noted}}}


RECORDS = [labelled(n, ("rise", "flat", "fall")[n % 3]) for n in range(9)]


def taught(record: Record) -> list[dict[str, str]]:
    """Make the conversation that the teacher learns: reasons, then the label alone."""
    label = record["metadata"]["mind"]["domain"]["label"]
    chat = build_chat(record, Finance(), "en", "x")
    asked = cot_question(chat["messages"][0]["content"], "en")
    return [{"role": "user", "content": asked},
            {"role": "assistant", "content": f"{TEXTS[label][1]}\nAnswer: {label}"}]  # fmt: skip


def train(folder: Path, steps: int, seed: int) -> Path:
    """Train a tiny model for so many steps."""
    torch.manual_seed(seed)
    chats = [taught(record) for record in RECORDS]
    tokenizer = Bpe().train([m["content"] for chat in chats for m in chat] * 3, 400)
    tokenizer.save(folder / "tokenizer")
    config = MindLLMConfig(
        vocab=tokenizer.vocab_size, dim=48, layers=2, heads=2, ffn_dim=96, context=192
    )
    model = config.build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    encoded = [encode_chat(tokenizer, chat) for chat in chats]
    longest = max(len(ids) for ids, _ in encoded)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row, _ in encoded])
    mask = torch.tensor([row + [0] * (longest - len(row)) for _, row in encoded])[:, 1:].bool()
    for _ in range(steps):
        logits = model.logits(model(ids[:, :-1]))
        loss = torch.nn.functional.cross_entropy(logits[mask], ids[:, 1:][mask])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    state = {"x": torch.zeros(1)}
    save_checkpoint(folder / "run", steps + 1, "mindllm", model, state, {}, folder / "tokenizer")
    return folder / "run"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A model that learned to give reasons, and one that learned nothing."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("models")
    yield {"good": train(made / "good", 80, 0), "bad": train(made / "bad", 0, 1)}
    torch.set_num_threads(threads)


@pytest.fixture
def server(models: dict[str, Path]) -> Iterator[Any]:
    with loopback.serving(models["good"]) as made:
        yield made


def questions() -> list[Record]:
    return [{"id": record["id"], "messages": taught(record)} for record in RECORDS]


def test_local_and_served_replies_are_the_same(
    models: dict[str, Path], server: Any, tmp_path: Path
) -> None:
    write_records(tmp_path / "q.zst", questions())
    server.faults = ["429", "cut", "500"]
    done = run_tool(
        "mind-domain",
        ["answer", "--model", f"here={models['good']}", "--model", f"there={server.address}#tiny",
         "--max-tokens", "40", "--concurrency", "2", "--log", "log.jsonl", "q.zst", "-o", "r.zst"],
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    replies = list(read_records([tmp_path / "r.zst"]))
    assert [one["question_id"] for one in replies] == [record["id"] for record in RECORDS]
    for one, record in zip(replies, RECORDS, strict=True):
        label = record["metadata"]["mind"]["domain"]["label"]
        assert one["replies"]["here"] == one["replies"]["there"]
        assert one["replies"]["here"] == f"{TEXTS[label][1]}\nAnswer: {label}" == one["reference"]
        assert one["decoding"] == {"max_tokens": 40, "temperature": 0.0, "top_p": 1.0, "seed": 0}
    assert sum(server.asked.values()) == len(RECORDS) + 3  # three tries more for three faults
    assert max(server.answered.values()) == 1
    again = run_tool(
        "mind-domain",
        ["answer", "--model", f"there={server.address}#tiny", "--max-tokens", "40", "--log",
         "log.jsonl", "q.zst", "-o", "again.zst"],
        folder=tmp_path,
    )  # fmt: skip
    assert again.code == 0, again.stderr
    assert "9 were in the log" in again.stderr
    assert sum(server.asked.values()) == len(RECORDS) + 3


def test_a_killed_run_goes_on_without_a_doubled_request(server: Any, tmp_path: Path) -> None:
    write_records(tmp_path / "q.zst", questions())
    server.delay = 0.05
    command = [
        sys.executable, "-m", "mind_domain", "answer", "--model", f"m={server.address}#tiny",
        "--max-tokens", "40", "--concurrency", "1", "--log", "log.jsonl", "q.zst", "-o", "r.zst",
    ]  # fmt: skip
    log = tmp_path / "log.jsonl"
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    while not (log.exists() and log.read_bytes().count(b"\n") >= 3):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "r.zst").exists()
    kept = {json.loads(line)["messages"][-1]["content"] for line in log.read_text().splitlines(True)
            if line.endswith("\n")}  # fmt: skip
    with log.open("ab") as file:
        file.write(b'{"key": "torn')
    before = dict(server.asked)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list(read_records([tmp_path / "r.zst"]))) == len(RECORDS)
    assert all(server.asked[content] == before[content] for content in kept)
    assert sum(server.asked.values()) <= len(RECORDS) + 1  # the one that was under way


def test_the_key_is_nowhere(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_records(tmp_path / "q.zst", questions()[:2])
    arguments = [
        "answer", "--model", f"m={server.address}#tiny", "--max-tokens", "9", "--log", "log.jsonl",
        "q.zst", "-o", "r.jsonl", "-z", "0",
    ]  # fmt: skip
    said = ""
    for key, code in (("sk-a-wrong-key", 1), (loopback.KEY, 0)):
        monkeypatch.setenv("MIND_API_KEY", key)
        done = run_tool("mind-domain", arguments, folder=tmp_path)
        assert done.code == code, done.stderr
        said += done.stderr + done.stdout.decode()
        assert key not in said
        for path in tmp_path.iterdir():
            assert key.encode() not in path.read_bytes()
    assert "401" in said and "***" in said and "set MIND_API_KEY" in said


def test_budgets_stop_and_go_on(server: Any, tmp_path: Path) -> None:
    write_records(tmp_path / "q.zst", questions())
    arguments = [
        "answer", "--model", f"m={server.address}#tiny", "--max-tokens", "40", "--log", "log.jsonl",
        "--concurrency", "1", "q.zst", "-o", "r.zst",
    ]  # fmt: skip
    done = run_tool("mind-domain", [*arguments, "--max-requests", "4"], folder=tmp_path)
    assert (done.code, "the budget of 4 requests is used up" in done.stderr) == (1, True)
    assert not (tmp_path / "r.zst").exists()
    done = run_tool("mind-domain", [*arguments, "--max-total-tokens", "15"], folder=tmp_path)
    assert (done.code, "the budget of 15 tokens is used up" in done.stderr) == (1, True)
    done = run_tool("mind-domain", arguments, folder=tmp_path)
    assert done.code == 0, done.stderr
    assert max(server.asked.values()) == 1


def test_what_a_server_held_back_is_no_reply(server: Any, tmp_path: Path) -> None:
    write_records(tmp_path / "q.zst", questions())
    server.faults = ["filter"]
    done = run_tool(
        "mind-domain",
        ["answer", "--model", f"m={server.address}#tiny", "--max-tokens", "40", "--log", "l.jsonl",
         "--concurrency", "1", "q.zst", "-o", "r.zst"],
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert "9 questions, 8 answered by all" in done.stderr and "1 filtered" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["answer", "--model", "m=http://127.0.0.1:9/v1#x", "q.zst", "-o", "r"], "--log FILE"),
        (["answer", "--model", "m=http://127.0.0.1:9/v1", "--log", "l", "q.zst", "-o", "r"],
         "which model"),
        (["answer", "--model", "m=http://a:key@h/v1#x", "--log", "l", "q.zst", "-o", "r"],
         "holds a name, a password or a key"),
        (["answer", "--model", "m", "q.zst", "-o", "r"], "NAME=FOLDER"),
        (["judge", "--judge", "exact", "q.zst"], "ranks no replies"),
        (["judge", "--judge", "endpoint", "q.zst"], "needs a model"),
        (["judge", "--judge", "tsv", "q.zst"], "tsv.file"),
        (["label", "--domain", "law", "q.zst"], "one of dialogues"),
        (["score", "--model", "m", "--judge", "nll", "q.zst"], "which models"),
    ],
)  # fmt: skip
def test_calls_without_meaning(arguments: list[str], message: str, tmp_path: Path) -> None:
    write_records(tmp_path / "q.zst", questions())
    done = run_tool("mind-domain", arguments, folder=tmp_path)
    assert (done.code, message in done.stderr) == (2, True), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["q.zst"]


def replies(models: list[str], count: int = 30) -> list[Record]:
    return [
        {"question_id": f"q{n}", "messages": [{"role": "user", "content": f"question {n}?"}],
         "reference": "Nothing is new.", "replies": {name: f"{name} says {n}" for name in models}}
        for n in range(count)
    ]  # fmt: skip


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
    import csv

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
    import math

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


def test_buckets_by_each_tokenizer(models: dict[str, Path], tmp_path: Path) -> None:
    tokenizer = models["good"].parent / "tokenizer"
    rows = [
        {"id": f"d{n}", "messages": [{"role": "user", "content": "why?"},
                                     {"role": "assistant", "content": "the plant " * (n % 20 + 1)}]}
        for n in range(100)
    ]  # fmt: skip
    write_records(tmp_path / "d.zst", rows)
    arguments = ["bucket", "--tokenizer", f"tok={tokenizer}", "--edges", "0-20,20-40", "d.zst"]
    done = run_tool("mind-domain", [*arguments, "-o", "b", "--json"], folder=tmp_path)
    assert done.code == 0, done.stderr
    manifest = json.loads(done.stdout)
    own = run_tool(
        "mind-domain", ["bucket", "--tokenizer", f"tok={models['good']}", "--edges", "0-20,20-40",
                        "d.zst", "-o", "own", "--json"], folder=tmp_path,
    )  # fmt: skip
    assert (own.code, json.loads(own.stdout or b"{}")) == (0, manifest), own.stderr
    assert manifest == json.loads((tmp_path / "b" / "manifest.json").read_text())
    from mind_tok import load_tokenizer

    tok = load_tokenizer(tokenizer)
    lengths = {row["id"]: sum(encode_chat(tok, row["messages"])[1]) for row in rows}
    part = manifest["tokenizers"]["tok"]
    least = min(entry["all"]["tokens"] for entry in part["buckets"].values())
    for name, entry in part["buckets"].items():
        low, high = map(int, name.split("-"))
        held = list(read_records([tmp_path / "b" / entry["all"]["file"]]))
        assert {one["id"] for one in held} == {k for k, n in lengths.items() if low <= n < high}
        assert entry["all"]["tokens"] == sum(lengths[one["id"]] for one in held)
        assert all(
            one["metadata"]["mind"]["bucket"]["tokens"] == lengths[one["id"]] for one in held
        )
        equal = sum(
            lengths[one["id"]] for one in read_records([tmp_path / "b" / entry["equal"]["file"]])
        )
        assert least - high < equal <= least
    assert part["outside"] == sum(n >= 40 for n in lengths.values())
    empty = run_tool(
        "mind-domain", [*arguments[:4], "9000-9001", "d.zst", "-o", "c"], folder=tmp_path
    )
    assert (empty.code, "no conversation is in bucket 9000-9001" in empty.stderr) == (1, True)
    assert not (tmp_path / "c").exists()


def test_a_log_in_use_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    from mind_domain.requests import open_log

    path = tmp_path / "log.jsonl"
    with open_log(path), pytest.raises(MindError, match="in use"), open_log(path):
        pass
    path.write_text('{"some": "thing"}\n')
    with pytest.raises(MindError, match="no line of a log"), open_log(path):
        pass
    assert os.path.getsize(path) == 18  # noqa: PTH202 - nothing was cut
