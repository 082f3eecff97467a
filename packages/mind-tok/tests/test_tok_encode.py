"""Records become shards: the same bytes for any number of workers, every record accounted for."""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mind_core import MindError, Record
from mind_core.output import write_records
from mind_core.records import encode
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_tok import Tokenizer
from mind_tok.cli import app
from mind_tok.sentencepiece import SentencePieceTokenizer
from mind_tok.shards import ShardSet


def tree(folder: Path) -> Mapping[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def corpus(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Padded, so that the stream has several batches of 1 MiB for the workers to share.
    path = tmp_path_factory.mktemp("corpus") / "in.jsonl.zst"
    write_records(path, [{**record, "padding": "x" * 10_000} for record in records])
    return path


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("talks") / "in.jsonl"
    write_records(
        path,
        [
            {"id": f"t{i}", "source": "made", "instruction": f"第{i}个问题", "output": f"答案{i}。"}
            for i in range(30)
        ],
        level=0,
    )
    return path


def test_the_bytes_are_the_same_for_any_number_of_workers(
    corpus: Path, tokenizer_folder: Path, tmp_path: Path
) -> None:
    for name, jobs in (("one", "1"), ("three", "3")):
        settings = ["--validation", "0.1", "--shard-tokens", "2000", "-j", jobs]
        done = run_tool(
            "mind-tok",
            ["encode", corpus, "-t", tokenizer_folder, *settings, "-o", tmp_path / name],
        )
        assert done.code == 0, done.stderr
        assert done.stdout == b""
        assert "400 in, 400 kept" in done.stderr
    assert tree(tmp_path / "one") == tree(tmp_path / "three")
    assert len(ShardSet.open(tmp_path / "one").shards) > 2


def test_every_document_is_in_one_split_and_every_group_in_both(
    corpus: Path,
    records: list[Record],
    tokenizer_folder: Path,
    tokenizer: Tokenizer,
    tmp_path: Path,
) -> None:
    arguments: list[str | Path] = [
        "encode",
        corpus,
        "-t",
        tokenizer_folder,
        "-o",
        tmp_path / "s",
        "-q",
    ]
    done = run_tool("mind-tok", [*arguments, "--summary", tmp_path / "summary.json"])
    assert done.code == 0 and done.stderr == ""
    texts = []
    groups = set()
    for split in ("train", "validation"):
        shards = ShardSet.open(tmp_path / "s", split, verify=True)
        for i, shard in enumerate(shards.shards):
            for n in range(shard.documents):
                document = shards.document(i, n)
                texts.append(tokenizer.decode(document.ids.tolist()))
                assert document.size == len(texts[-1].encode())
                groups.add((split, document.group))
    assert sorted(texts) == sorted(record["text"] for record in records)
    assert len(groups) == 2 * 3 * 2, "three sources in two languages, in both splits"
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["kept"] == 400 and summary["details"]["counts"].keys() == {"train", "validation"}


def test_conversations_have_a_mask_and_the_bytes_of_their_answers(
    talks: Path, tokenizer_folder: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    arguments: list[str | Path] = [
        "encode",
        talks,
        "--chat",
        "-t",
        tokenizer_folder,
        "-o",
        tmp_path / "s",
    ]
    done = run_tool("mind-tok", [*arguments, "--validation", "0"])
    assert done.code == 0, done.stderr
    shards = ShardSet.open(tmp_path / "s", verify=True)
    assert shards.kind == "chat" and shards.documents == 30
    assert ShardSet.open(tmp_path / "s", "validation").documents == 0
    document = shards.document(0, 4)
    assert document.mask is not None
    trained = document.ids[document.mask == 1].tolist()
    assert tokenizer.decode(trained) == "答案4。" and trained[-1] == tokenizer.end_id
    assert document.size == len("答案4。".encode())
    assert document.group.language == "zh"
    shown = run_tool("mind-tok", ["decode", tmp_path / "s", "--control", "--limit", "1"]).records
    assert shown[0]["text"] == "<user>\n第0个问题\n<assistant>\n答案0。<|endoftext|>"


def test_without_a_folder_records_pass_on_with_their_ids(
    tokenizer_folder: Path, tokenizer: Tokenizer
) -> None:
    given: list[Record] = [
        {"id": "1", "text": "The river", "odd": [1, None]},
        {"text": "春天 <user> \0▁", "id": "2"},
    ]
    done = run_tool("mind-tok", ["encode", "-t", tokenizer_folder], given)
    assert done.code == 0, done.stderr
    ends = [[*tokenizer.encode(record["text"]), 1] for record in given]
    assert done.records == [{**record, "ids": ids} for record, ids in zip(given, ends, strict=True)]
    back = run_tool("mind-tok", ["decode", "-t", tokenizer_folder], done.stdout)
    assert back.records == given


def test_in_is_kept_and_rejected_and_bad(tokenizer_folder: Path, tmp_path: Path) -> None:
    lines = [
        b'{"id":"1","text":"fine"}',
        b'{"id":"2","text":""}',
        b'{"id":"3"}',
        b'{"id":"4","text":7}',
        b"[]",
        b'{"id":"5","text":"\\ud800"}',
        b'{"id":"6","text":"fine too"}',
    ]
    arguments: list[str | Path] = ["encode", "-t", tokenizer_folder, "-o", tmp_path / "s"]
    refused = run_tool("mind-tok", arguments, b"\n".join(lines))
    assert refused.code == 1 and "stdin:3" in refused.stderr
    assert not (tmp_path / "s").exists()
    side: list[str | Path] = [
        "--summary",
        tmp_path / "sum.json",
        "--rejects",
        tmp_path / "rejects.jsonl.zst",
    ]
    done = run_tool("mind-tok", [*arguments, "--skip-bad", "all", *side], b"\n".join(lines))
    assert done.code == 0, done.stderr
    summary = json.loads((tmp_path / "sum.json").read_text())
    assert (summary["in"], summary["kept"]) == (7, 2)
    assert summary["rejected"] == {"encode.empty_text": 1}
    assert sum(summary["bad"].values()) == 4
    assert ShardSet.open(tmp_path / "s").documents == 2
    rejects = [
        r["metadata"]["mind"]["rejected"] for r in read_records([tmp_path / "rejects.jsonl.zst"])
    ]
    assert {"tool": "mind-tok", "step": "encode", "reason": "empty_text"} in rejects
    assert {why["step"] for why in rejects} == {"encode", "read"}


def test_folder_and_side_files_are_complete_together_or_not_at_all(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    from mind_core.runner import StreamOptions
    from mind_tok.encode import Encoder
    from mind_tok.loading import make_plugins
    from mind_tok.pipeline import EncodeOptions, encode_shards

    class Unsaved(SentencePieceTokenizer):
        def save(self, folder: str | Path) -> None:
            raise MindError("the disk is full")

    class Vanished(SentencePieceTokenizer):
        def save(self, folder: str | Path) -> None:
            super().save(folder)
            for partial in tmp_path.glob(".summary.*"):
                partial.unlink()  # so that the summary cannot get its name

    write_records(tmp_path / "in.jsonl", [{"text": "a"}, {"text": ""}], level=0)
    stream = StreamOptions(
        inputs=(str(tmp_path / "in.jsonl"),),
        rejects=tmp_path / "rejects",
        summary=tmp_path / "summary",
        quiet=True,
    )
    assert isinstance(tokenizer, SentencePieceTokenizer)
    for kind, words in ((Unsaved, "full"), (Vanished, "summary")):
        broken = Encoder(kind(tokenizer.model, tokenizer.manifest))
        with pytest.raises(MindError, match=words):
            encode_shards(broken, EncodeOptions(tmp_path / "s"), stream, make_plugins())
        assert not (tmp_path / "summary").exists() and not (tmp_path / "s").exists()


def test_a_conversation_without_an_answer_is_dropped_with_a_reason(tokenizer_folder: Path) -> None:
    given = [{"id": "1", "messages": [{"role": "user", "content": "anyone?"}]}]
    done = run_tool("mind-tok", ["encode", "--chat", "-t", tokenizer_folder], given)
    assert done.code == 0 and done.records == []
    assert "1 in, 0 kept" in done.stderr


def test_an_empty_stream_makes_a_complete_folder_without_shards(
    tokenizer_folder: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.zst"
    write_records(empty, [])
    done = run_tool("mind-tok", ["encode", empty, "-t", tokenizer_folder, "-o", tmp_path / "s"])
    assert done.code == 0, done.stderr
    assert ShardSet.open(tmp_path / "s").tokens == 0
    nothing = run_tool("mind-tok", ["encode", "-t", tokenizer_folder, "-o", tmp_path / "n"])
    assert nothing.code == 1 and "no input at all" in nothing.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-o", "s", "--validation", "1.5"], 2, "not a share"),
        (["-o", "there"], 2, "exists"),
        (["--chatt"], 2, "--chat"),
        (["-o", "s", "--dry-run"], 0, ""),
        (["-o", "s", "--dry-run", "missing.zst"], 1, "missing.zst"),
        (["--dry-run", "missing.zst"], 1, "missing.zst"),
        (["-o", "/dev/null/s", "--dry-run"], 2, "is no folder"),
    ],
)
def test_wrong_calls_leave_nothing(
    corpus: Path,
    tokenizer_folder: Path,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/file").touch()
    done = run_tool(
        "mind-tok", ["encode", corpus, "-t", tokenizer_folder, *arguments], folder=tmp_path
    )
    assert done.code == code, done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_shard_folder_is_no_tokenizer(tokenizer_folder: Path, tmp_path: Path) -> None:
    arguments: list[str | Path] = ["encode", "-t", tokenizer_folder, "-o", tmp_path / "s"]
    assert run_tool("mind-tok", arguments, [{"text": "a"}]).code == 0
    wrong = run_tool("mind-tok", ["encode", "-t", tmp_path / "s"], [{"text": "a"}])
    assert wrong.code == 1 and "mind-tokenizer" in wrong.stderr
    right = run_tool("mind-tok", ["encode", "-t", tmp_path / "s/tokenizer"], [{"text": "a"}])
    assert right.code == 0, "a shard folder carries its tokenizer"


def test_a_disk_that_fills_up_leaves_nothing(
    tokenizer_folder: Path, records: list[Record], tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"".join(encode(record) for record in records))
    (tmp_path / "out").mkdir()
    command = ["encode", str(source), "-t", str(tokenizer_folder), "-o", str(tmp_path / "out/s")]
    for limit in (0, 5000, 12_000):  # the first byte, in the middle, in the tokenizer's copy
        done = subprocess.run(
            [sys.executable, "-m", "mind_tok", *command],
            preexec_fn=lambda most=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 1, done.stderr
        assert "error: cannot write" in done.stderr
        assert list((tmp_path / "out").iterdir()) == []


def test_a_very_long_text_is_one_document(tokenizer_folder: Path, tmp_path: Path) -> None:
    text = (
        ("春天来了" * 50 + " spring has come" * 40 + "\n") * 6000 + "a" * 500_000 + "的" * 300_000
    )
    source = tmp_path / "in.jsonl"
    source.write_bytes(encode({"id": "1", "text": text}))
    folder = tmp_path / "s"
    app(
        ["encode", str(source), "-t", str(tokenizer_folder), "-o", str(folder)],
        standalone_mode=False,
    )
    shards = ShardSet.open(folder)
    document = shards.document(0, 0)
    assert document.size == len(text.encode())
    assert shards.load_tokenizer().decode(document.ids.tolist()) == text
