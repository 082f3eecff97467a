"""What inspect counts is what is there."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

from mind_core import Record
from mind_core.stream import Batch
from mind_core.testing import run_tool
from mind_tok import Tokenizer
from mind_tok.inspect import TokenizerInspector, _splits_a_character, first_difference
from mind_tok.sentencepiece import Bpe
from mind_tok.tokenizer import Token

GIVEN: list[Record] = [
    {"id": "1", "text": "The river flows.", "source": "a"},
    {"id": "2", "text": "春天来了\n𠮷𠮷", "source": "b"},
    {"id": "3", "text": "", "source": "b"},
]


def test_the_figures_add_up(tokenizer_folder: Path, tokenizer: Tokenizer) -> None:
    done = run_tool("mind-tok", ["inspect", "-t", tokenizer_folder, "--json"], GIVEN)
    assert done.code == 0, done.stderr
    report = json.loads(done.stdout)
    total = report["total"]
    assert total["documents"] == 3
    assert total["bytes"] == sum(len(record["text"].encode()) for record in GIVEN)
    assert total["characters"] == sum(len(record["text"]) for record in GIVEN)
    assert total["tokens"] == sum(len(tokenizer.encode(record["text"])) for record in GIVEN)
    chinese = next(row for row in report["languages"] if row["language"] == "zh")
    assert chinese["coverage"] == round(5 / 7, 6), "two of seven characters have no entry"
    english = next(row for row in report["groups"] if row["language"] == "en")
    assert english["source"] == "a" and english["coverage"] == 1.0
    assert english["tokens_per_byte"] == round(english["tokens"] / 16, 6)
    words = report["vocabulary"]
    assert words["kinds"]["byte"] == 256
    used = {i for record in GIVEN for i in tokenizer.encode(record["text"])}
    texts = {i for i, token in enumerate(tokenizer.vocabulary()) if token.kind == "text"}
    assert words["unused"] == len(texts - used)
    assert report["round_trip"] == {"documents": 3, "different": 0, "first": None}


def test_workers_find_the_same(tokenizer_folder: Path, records: list[Record]) -> None:
    padded = [{**record, "padding": "x" * 10_000} for record in records]
    arguments: list[str | Path] = ["inspect", "-t", tokenizer_folder, "--json"]
    one, two = (run_tool("mind-tok", [*arguments, "-j", jobs], padded) for jobs in "12")
    assert one.code == 0 and one.stdout == two.stdout


def test_the_table_shows_it_to_people(tokenizer_folder: Path) -> None:
    done = run_tool("mind-tok", ["inspect", "-t", tokenizer_folder, "--top", "2"], GIVEN)
    table = done.stdout.decode()
    assert "bpe tokenizer of 500 entries" in table
    assert "round trip: exact in all 3 documents" in table
    rows = [line.split() for line in table.splitlines() if line.startswith("(all)")]
    assert rows[0][:3] == ["(all)", "(all)", "3"]


LOSSY = """
from bytes_plugin import Bytes, ByteTokenizer, hookimpl

class Lossy(ByteTokenizer):
    def decode(self, ids):
        return super().decode(ids).lower()

class Kind(Bytes):
    def load(self, folder, manifest):
        return Lossy(manifest["vocab_size"])

@hookimpl
def register_tokenizers():
    return {"octets": Kind}
"""


def test_a_tokenizer_that_loses_something_is_shown_and_exits_3(
    bytes_plugin: ModuleType, tmp_path: Path
) -> None:
    bytes_plugin.ByteTokenizer(300).save(tmp_path / "t")
    (tmp_path / "lossy.py").write_text(LOSSY)
    done = run_tool(
        "mind-tok",
        ["inspect", "-t", tmp_path / "t", "--plugin", tmp_path / "lossy.py"],
        [{"text": "quiet"}, {"text": "the End"}, {"text": "ANOTHER"}],
        environment={"PYTHONPATH": str(Path(__file__).parent)},
    )
    assert done.code == 3
    table = done.stdout.decode()
    assert "2 of 3 documents differ" in table and "stdin:2, character 4" in table
    assert "'the End'" in table and "'the end'" in table


def test_the_first_difference_is_found() -> None:
    assert first_difference("abc", "abx")["character"] == 2
    assert first_difference("abc", "ab") == {"character": 2, "text": "abc", "decoded": "ab"}
    assert first_difference("", "x")["character"] == 0


def test_an_empty_batch_is_no_trouble(tokenizer: Tokenizer) -> None:
    outcome = TokenizerInspector((tokenizer,))(Batch("in", 1, b"\n"))
    assert outcome.records_in == 0 and outcome.payload[0].tallies == {}


def test_several_tokenizers_stand_side_by_side(
    tokenizer_folder: Path, texts: list[str], tmp_path: Path
) -> None:
    smaller = tmp_path / "smaller"
    Bpe().train(texts, 420).save(smaller)
    arguments: list[str | Path] = ["inspect", "-t", tokenizer_folder, "-t", smaller]
    plot = tmp_path / "bars.svg"
    done = run_tool("mind-tok", [*arguments, "--plot", plot], GIVEN)
    assert done.code == 0, done.stderr
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    assert lines[1][-2:] == ["tokenizer", "smaller"]
    assert lines[2] == ["entries", "500", "420"]
    alone = [
        json.loads(run_tool("mind-tok", ["inspect", "-t", t, "--json"], GIVEN).stdout)
        for t in (tokenizer_folder, smaller)
    ]
    both = json.loads(run_tool("mind-tok", [*arguments, "--json"], GIVEN).stdout)
    assert [{k: v for k, v in row.items() if k != "name"} for row in both] == alone
    total = [f"{row['total']['tokens_per_character']:.3f}" for row in alone]
    assert ["(all)", "(all)", "23", *total] in lines
    root = ElementTree.fromstring(plot.read_text())
    bars = [e for e in root.iter() if e.tag.endswith("rect") and e.get("fill") != "white"]
    shown = {row["language"] for row in alone[0]["languages"] if row["characters"]}
    assert len(bars) == 2 * len(shown)
    wide = [float(bar.get("width", 0)) for bar in bars]
    assert max(wide) == 480 and min(wide) > 0


def test_half_characters_are_told_apart_from_whole_ones() -> None:
    kinds = {
        b"a": False, b"ab": False, "的".encode(): False, "的".encode()[:1]: True,
        "的".encode()[:2]: True, "的".encode()[1:]: False, "a的".encode()[:-1]: True,
        "é".encode()[:1]: True, "é".encode(): False, "𠮷".encode()[:3]: True, b"\x80": False,
    }  # fmt: skip
    for data, split in kinds.items():
        assert _splits_a_character(Token(data, "text")) is split, data
    assert _splits_a_character(Token(b"\x01", "byte"))
    assert not _splits_a_character(Token(b"\n", "byte"))
