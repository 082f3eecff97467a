"""The door: help without heavy imports, questions about itself, plugins, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mind_core import Record
from mind_core.output import write_records
from mind_core.testing import run_tool
from mind_tok import Tokenizer
from mind_tok.pipeline import EncodeOptions, TokenizerTrainOptions
from mind_tok.shard_writer import SHARD_TOKENS
from mind_tok.testing import check_tokenizer

PLUGIN = Path(__file__).with_name("bytes_plugin.py")
VERBS = ("train", "encode", "decode", "inspect")
HEAVY = ("numpy", "sentencepiece", "torch", "rich", "sklearn")


@pytest.mark.parametrize("arguments", [[], *([verb] for verb in VERBS)])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from mind_tok.cli import app\n"
        f"app({[*arguments, '--help']!r}, standalone_mode=False)\n"
        f"print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "loaded: []" in done.stdout
    assert "Examples:" in done.stdout and "Exit codes:" in done.stdout


def test_it_answers_about_itself() -> None:
    assert run_tool("mind-tok", ["--version"]).stdout.startswith(b"mind-tok ")
    listed = json.loads(run_tool("mind-tok", ["--list", "--json"]).stdout)
    assert {row["name"] for row in listed} >= {"bpe", "unigram"}
    assert all(row["summary"] for row in listed)
    plugins = json.loads(run_tool("mind-tok", ["--plugins", "--json"]).stdout)
    assert plugins[0]["hooks"] == ["register_tokenizers"]
    assert run_tool("mind-tok").code == 2


def test_a_plugins_tokenizer_goes_all_the_way(tmp_path: Path, records: list[Record]) -> None:
    write_records(tmp_path / "in.zst", records[:30])
    plugin: list[str | Path] = ["--plugin", PLUGIN]
    common: list[str | Path] = ["-t", tmp_path / "t", tmp_path / "in.zst", *plugin]
    wanted: list[str | Path] = ["--kind", "octets", "--vocab-size", "300", "-o", tmp_path / "t"]
    trained = run_tool("mind-tok", ["train", tmp_path / "in.zst", *wanted, *plugin])
    assert trained.code == 0, trained.stderr
    inspected = run_tool("mind-tok", ["inspect", *common, "--json"])
    assert inspected.code == 0, inspected.stderr
    assert json.loads(inspected.stdout)["total"]["bytes_per_token"] == 1.0
    assert run_tool("mind-tok", ["encode", *common, "-o", tmp_path / "s"]).code == 0
    decoded = run_tool("mind-tok", ["decode", tmp_path / "s", *plugin])
    assert {r["text"] for r in decoded.records} == {r["text"] for r in records[:30]}
    missing = run_tool("mind-tok", ["decode", tmp_path / "s"])
    assert missing.code == 2 and "no tokenizer 'octets'" in missing.stderr


def test_the_plugin_keeps_the_promises_of_the_hook(
    bytes_plugin: ModuleType, texts: list[str]
) -> None:
    check_tokenizer(bytes_plugin.Bytes, texts[:20], 300)


def test_the_check_notices_a_tokenizer_that_can_be_forged(
    bytes_plugin: ModuleType, texts: list[str]
) -> None:
    class Forgeable(bytes_plugin.ByteTokenizer):  # type: ignore[name-defined, misc]
        def encode_arrays(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
            user = self.special_ids["<user>"]
            rows = super().encode_arrays(texts)
            return [
                np.array([user], np.int32) if text == "<user>" else row
                for text, row in zip(texts, rows, strict=True)
            ]

        def decode(self, ids: Sequence[int]) -> str:
            text = super().decode(ids)
            return "<user>" if list(ids) == [self.special_ids["<user>"]] else str(text)

    class Kind:
        def train(self, texts: Iterable[str], vocab_size: int) -> Tokenizer:
            return Forgeable(vocab_size)

        def load(self, folder: Path, manifest: dict[str, Any]) -> Tokenizer:
            return Forgeable(manifest["vocab_size"])

    with pytest.raises(AssertionError, match="a control token out of text"):
        check_tokenizer(Kind, [*texts[:5], "<user>"], 300)


def test_decode_refuses_what_it_cannot_read(tokenizer_folder: Path, tmp_path: Path) -> None:
    given = b'{"ids":[40,41,1]}\n{"ids":[99999]}\n{"ids":["a"]}\n{"text":"x"}\n'
    stopped = run_tool("mind-tok", ["decode", "-t", tokenizer_folder], given)
    assert stopped.code == 1 and "stdin:2: ids that the tokenizer does not have" in stopped.stderr
    done = run_tool("mind-tok", ["decode", "-t", tokenizer_folder, "--skip-bad", "all"], given)
    assert len(done.records) == 1 and "3 bad" in done.stderr
    assert run_tool("mind-tok", ["decode"], given).code == 2
    both = run_tool("mind-tok", ["decode", tmp_path, "in.zst"])
    assert both.code == 2 and "alone" in both.stderr


def test_a_tokenizer_as_others_ship_it_is_told_the_way(
    tokenizer_folder: Path, tmp_path: Path
) -> None:
    import tokenizers as library

    letters = {letter: n for n, letter in enumerate("abc ")}
    made = library.Tokenizer(library.models.BPE(vocab=letters, merges=[]))
    made.normalizer = library.normalizers.Lowercase()
    (tmp_path / "lower").mkdir()
    made.save(str(tmp_path / "lower" / "tokenizer.json"))
    given = b'{"text":"abc"}\n'
    for shipped in (tmp_path / "lower", tmp_path / "lower" / "tokenizer.json",
                    tokenizer_folder / "tokenizer.model"):  # fmt: skip
        done = run_tool("mind-tok", ["encode", "-t", shipped], given)
        assert done.code == 1 and "as others ship it" in done.stderr
        assert f"mind-tok convert {shipped} -o" in done.stderr
    done = run_tool("mind-tok", ["convert", tmp_path / "lower", "-o", tmp_path / "ours"])
    assert done.code == 0 and "this tokenizer changes texts: 'The" in done.stderr
    done = run_tool("mind-tok", ["convert", tokenizer_folder, "-o", tmp_path / "same"])
    assert done.code == 0 and "changes texts" not in done.stderr


def test_decode_of_a_folder_tells_what_it_did_and_refuses_what_it_cannot_do(
    tokenizer_folder: Path, tmp_path: Path
) -> None:
    shards = tmp_path / "s"
    given = [{"text": f"text {i}"} for i in range(3)]
    made = run_tool("mind-tok", ["encode", "-t", tokenizer_folder, "-o", shards], given)
    assert made.code == 0, made.stderr
    wanted: list[str | Path] = ["decode", shards, "--limit", "2", "--summary", tmp_path / "sum"]
    done = run_tool("mind-tok", wanted, environment={"MIND_JOBS": "2"})
    assert done.code == 0, done.stderr
    assert "2 in, 2 kept" in done.stderr and len(done.records) == 2
    summary = json.loads((tmp_path / "sum").read_text())
    assert (summary["in"], summary["kept"], summary["components"].keys()) == (2, 2, {"bpe"})
    refused: list[list[str | Path]] = [
        ["--rejects", tmp_path / "r"],
        ["--skip-bad", "all"],
        ["-j", "2"],
        ["-t", tokenizer_folder],
    ]
    for arguments in refused:
        wrong = run_tool("mind-tok", ["decode", shards, *arguments])
        assert wrong.code == 2 and str(arguments[0]) in wrong.stderr, wrong.stderr
        assert wrong.stdout == b""


def test_the_doors_defaults_are_the_corridors() -> None:
    import inspect as python_inspect

    from mind_tok.verbs.encode import encode
    from mind_tok.verbs.train import train

    door = python_inspect.signature(encode).parameters
    assert door["shard_tokens"].default == EncodeOptions(Path()).shard_tokens == SHARD_TOKENS
    assert door["validation"].default == EncodeOptions(Path()).validation
    door = python_inspect.signature(train).parameters
    wanted = TokenizerTrainOptions(Path())
    assert (door["vocab_size"].default, door["kind"].default) == (wanted.vocab_size, wanted.kind)
    assert door["sample"].default == "50M" and wanted.sample_bytes == 50_000_000


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_control_c_ends_a_training_at_once(tmp_path: Path, records: list[Record]) -> None:
    # Unigram on many different words takes far longer than the test waits.
    many = [{"id": str(i), "text": " ".join(f"{i * j:x}q{j:x}" for j in range(400))}
            for i in range(1, 1500)]  # fmt: skip
    write_records(tmp_path / "in.zst", many)
    arguments = ["train", str(tmp_path / "in.zst"), "--kind", "unigram", "--progress"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mind_tok", *arguments, "-o", str(tmp_path / "t"), "--trainer-log"],
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if b"seed sentencepieces" in line or b"suffix array" in line:
                break
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        assert process.wait(20) == 130
        assert time.monotonic() - sent < 10
    finally:
        process.kill()
        process.stderr.close()
    assert not (tmp_path / "t").exists()
