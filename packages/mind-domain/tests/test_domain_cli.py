"""The verbs as users run them, on the shipped messages and prices."""

import json
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from mind_core.stream import read_records
from mind_core.testing import run_tool

DATA = Path(__file__).parents[3] / "tests" / "data" / "finance"
PRICES = str(DATA / "prices.csv.zst")
MESSAGES = str(DATA / "messages.jsonl.zst")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labelled.jsonl.zst"
    done = run_tool("mind-domain", ["label", "--prices", PRICES, MESSAGES, "-o", path])
    assert done.code == 0, done.stderr
    return path


def test_label_accounts_for_every_record(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("out.zst", "no.zst", "summary.json")}
    done = run_tool(
        "mind-domain",
        ["label", "--prices", PRICES, MESSAGES, "-o", files["out.zst"], "--rejects",
         files["no.zst"], "--summary", files["summary.json"]],
    )  # fmt: skip
    assert done.code == 0, done.stderr
    summary = json.loads(files["summary.json"].read_text())
    kept, rejected = list(read_records([files["out.zst"]])), list(read_records([files["no.zst"]]))
    assert summary["in"] == 2340 == len(kept) + len(rejected)
    assert summary["kept"] == len(kept)
    assert sum(summary["rejected"].values()) == len(rejected)
    assert set(summary["rejected"]) == {
        "label.duplicate_story", "label.no_entry", "label.no_exit", "label.unknown_ticker",
    }  # fmt: skip
    kept_labels = Counter(r["metadata"]["mind"]["domain"]["label"] for r in kept)
    prices = summary["details"].pop("prices")
    assert prices["rows"] == 2949 and prices["calendar"].startswith("exchange_calendars 4.")
    assert summary["details"] == {f"label_{name}": n for name, n in kept_labels.items()}
    reasons = Counter(r["metadata"]["mind"]["rejected"]["reason"] for r in rejected)
    assert summary["rejected"] == {f"label.{name}": n for name, n in reasons.items()}
    assert summary["bad"] == {}
    sentence = ", ".join(f"{kept_labels[name]:,} {name}" for name in ("fall", "flat", "rise"))
    assert done.stderr.rstrip().endswith(f"; {sentence}")
    assert summary["recipe"]["finance"]["threshold"] == 0.005
    assert list(summary["components"]) == ["finance"]
    keys = [
        (r["metadata"]["mind"]["domain"]["story"], r["metadata"]["mind"]["domain"]["cluster"])
        for r in kept
    ]
    assert len(set(keys)) == len(keys)


def test_labels_do_not_depend_on_the_number_of_workers(labelled: Path, tmp_path: Path) -> None:
    path = tmp_path / "four.zst"
    done = run_tool("mind-domain", ["label", "-j", "4", "--prices", PRICES, MESSAGES, "-o", path])
    assert done.code == 0, done.stderr
    assert path.read_bytes() == labelled.read_bytes()


def test_from_labels_to_chats(labelled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sides"
    train, test = folder / "train.jsonl.zst", folder / "test.jsonl.zst"
    summary = tmp_path / "split.json"
    done = run_tool(
        "mind-domain",
        ["split", labelled, "--date", "2015-09-01", "-o", folder, "--summary", summary],
    )  # fmt: skip
    assert done.code == 0, done.stderr
    counts = json.loads(summary.read_text())
    assert len(set(counts["details"]["train"].values())) == 1
    sides = {"train": list(read_records([train])), "test": list(read_records([test]))}
    for side, records in sides.items():
        written = Counter(r["metadata"]["mind"]["domain"]["label"] for r in records)
        assert counts["details"][side] == written
    assert counts["kept"] == sum(map(len, sides.values()))
    assert counts["in"] == counts["kept"] + sum(counts["rejected"].values())
    assert {"split.embargo", "split.story_in_train", "split.balance"} == set(counts["rejected"])

    done = run_tool("mind-domain", ["sft", train, "--limit", "5"])
    assert done.code == 0, done.stderr
    first = done.records[0]
    assert [message["role"] for message in first["messages"]] == ["user", "assistant"]
    assert first["messages"][1]["content"] == first["metadata"]["mind"]["domain"]["label"]
    assert "text" not in first
    done = run_tool("mind-domain", ["sft", "--language", "zh", train, "--limit", "5"])
    assert {r["messages"][1]["content"] for r in done.records} <= {"上涨", "持平", "下跌"}
    assert "交易日" in done.records[0]["messages"][0]["content"]


def test_chinese_texts_are_asked_in_chinese(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("ticker,date,open,close\n600519,2021-01-08,10,11\n600519,2021-01-11,12,13\n")
    notice = {
        "id": "n1",
        "text": "公司董事会收到公司董事的书面辞职报告，因工作变动申请辞去董事职务。",
        "created": "2021-01-07 18:24:00",
        "metadata": {"ticker": "600519"},
    }
    done = run_tool(
        "mind-domain", ["label", "--recipe", "finance-cn", "--prices", prices], [notice]
    )
    assert done.code == 0, done.stderr
    noted = done.records[0]["metadata"]["mind"]["domain"]
    assert (noted["label"], noted["change"]) == ("rise", 0.2)
    assert noted["published"] == "2021-01-07T18:24:00+08:00"
    done = run_tool("mind-domain", ["sft"], done.records)
    assert done.records[0]["messages"][1]["content"] == "上涨"


def test_labels_and_questions_must_have_the_same_classes(labelled: Path) -> None:
    done = run_tool("mind-domain", ["sft", "--set", "finance.classes=2", labelled])
    assert done.code == 2
    assert "labelled as one of rise, flat, fall" in done.stderr


def test_the_recipe_can_be_fed_back(tmp_path: Path) -> None:
    arguments = ["label", "--recipe", "finance-cn", "--horizon", "5", "--print-recipe"]
    printed = run_tool("mind-domain", arguments).stdout
    path = tmp_path / "mine.toml"
    path.write_bytes(printed)
    again = run_tool("mind-domain", ["label", "--recipe", path, "--print-recipe"]).stdout
    assert again == printed
    assert b"horizon = 5" in printed
    assert b"XSHG" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["label", MESSAGES], 2, "--prices FILE.csv"),
        (["label", "--prices", "nowhere.csv", MESSAGES], 2, "no price file nowhere.csv"),
        (["label", "--domain", "finanse", MESSAGES], 2, "did you mean finance?"),
        (["label", "--set", "finance.horzion=2", MESSAGES], 2, "did you mean horizon?"),
        (["label", "--recipe", "finance-uk", MESSAGES], 2, "finance-us"),
        (["split", "--date", "soon", "-o", "a", MESSAGES], 2, "no day"),
        (["split", "--date", "2015-01-01", "-o", "a", MESSAGES], 1, "no label"),
        (["sft", MESSAGES], 1, "no label"),
        (["score", "--model", "nowhere", MESSAGES], 1, "no label"),
        (["sft", "--language", "fr", MESSAGES], 2, "one of auto, en, zh"),
        (["score", "--model", "nowhere", "--method", "guess", MESSAGES], 2, "one of likelihood"),
        ([], 2, "Usage: mind-domain"),
    ],
)
def test_errors_say_what_to_do(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    done = run_tool("mind-domain", arguments, folder=tmp_path)
    assert (done.code, message in done.stderr) == (code, True), done.stderr
    assert not list(tmp_path.iterdir())


def test_bad_lines_can_pass(tmp_path: Path) -> None:
    lines = zstandard.ZstdDecompressor().stream_reader(Path(MESSAGES).read_bytes()).read()
    three = b"\n".join(lines.split(b"\n")[:3])
    stdin = b'not json\n{"id": "x", "created": "2014-01-02"}\n' + three + b"\n"
    arguments = ["label", "--prices", PRICES, "--summary", str(tmp_path / "s.json")]
    assert run_tool("mind-domain", arguments, stdin).code == 1
    done = run_tool("mind-domain", [*arguments, "--skip-bad", "2"], stdin)
    assert done.code == 0, done.stderr
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["bad"] == {"missing_field": 1, "not_json": 1}
    assert summary["in"] == 5


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, mind_domain.cli as c\n"
        "try:\n    c.cli.run(c.app, 'mind-domain', ['score', '--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'sentencepiece', 'rich', 'lm_eval', 'mind_train'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--model FOLDER" in done.stdout


PLUGIN = '''
from dataclasses import dataclass
from datetime import datetime, timezone
from mind_core import Reason
from mind_core.records import text_of
from mind_domain import Label, hookimpl

@dataclass(frozen=True)
class Length:
    """Label texts as long or short."""

    limit: int = 20

    @property
    def labels(self):
        return ("long", "short")

    def label(self, record):
        text = text_of(record)
        if not text:
            return Reason("empty")
        moment = datetime.fromisoformat(record["created"])
        name = "long" if len(text) > self.limit else "short"
        return Label(name, moment, moment.date(), record["id"], {"length": len(text)})

    def story(self, record):
        return text_of(record)

    def question(self, record, language):
        return "Long or short?\\n\\n" + text_of(record)

    def answer(self, label, language):
        return label

@hookimpl
def register_domains():
    return {"length": Length}
'''


def test_a_domain_can_be_plugged(tmp_path: Path) -> None:
    plugin = tmp_path / "length.py"
    plugin.write_text(PLUGIN)
    records = [
        {"id": str(n), "text": "word " * n, "created": f"2020-01-0{n + 1}T00:00:00+00:00"}
        for n in range(8)
    ]
    arguments = ["--plugin", str(plugin), "--domain", "length"]
    done = run_tool("mind-domain", ["label", *arguments, "--set", "length.limit=10"], records)
    assert done.code == 0, done.stderr
    labels = [r["metadata"]["mind"]["domain"]["label"] for r in done.records]
    assert labels == ["short"] * 2 + ["long"] * 5
    done = run_tool("mind-domain", ["sft", *arguments], done.records)
    assert done.records[0]["messages"][0]["content"] == "Long or short?\n\nword "
    listed = run_tool("mind-domain", ["--plugin", plugin, "--list"]).stdout.decode()
    assert "length  (domain, length.py" in listed
    assert "exact  (judge, mind-domain" in listed


def test_a_fact_that_is_no_number_is_named(tmp_path: Path) -> None:
    plugin = tmp_path / "length.py"
    plugin.write_text(PLUGIN.replace("len(text)}", "float('nan')}"))
    records = [{"id": "r1", "text": "word", "created": "2020-01-01T00:00:00+00:00"}]
    arguments = ["label", "--plugin", str(plugin), "--domain", "length"]
    done = run_tool("mind-domain", arguments, records)
    assert done.code == 1
    assert "domain 'length' failed on this record" in done.stderr
    assert "a number that is not finite" in done.stderr and "length" in done.stderr
