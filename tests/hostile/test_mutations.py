"""Altered files of every format end in an error that names them, or are read; nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from folder_formats import make_folder_formats
from formats import Format, make_formats
from input_formats import make_input_formats
from mutating import try_mutations

NAMES = (
    "shards", "checkpoint", "index", "tokenizer", "tokenizer.model", "tokenizer.json",
    "scores.json", "YAML", "TOML", "benchmark", "WARC", "WARC.gz", "zip", "Parquet", "JSONL",
    "JSONL.zst", "JSONL.gz", "vocab.json", "Megatron", "datatrove", "OLMo", "Parquet rows", "Arrow",
    "Arrow stream", "CSV", "WET", "EPUB", "job", "documents", "quality", "plan", "runs", "RegMix",
    "PDF", "CDX", "sft scores", "sketched index", "dedup job", "Llama", "run", "experiments",
)  # fmt: skip
SAMPLE = 30
COUNT = int(os.environ.get("MIND_MUTATIONS", "10000"))
FIRST = int(os.environ.get("MIND_MUTATIONS_FIRST", "0"))


@pytest.fixture(scope="module")
def formats(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Format]:
    found = make_formats(sound, tmp_path_factory.mktemp("formats") / "sound")
    found |= make_input_formats(tmp_path_factory.mktemp("inputs"))
    return found | make_folder_formats(sound, tmp_path_factory.mktemp("folders"))


def check(formats: dict[str, Format], work: Path, name: str, count: int, first: int = 0) -> None:
    """Try mutations of a format; fail with the kinds of faults and a number for each."""
    if name not in formats:
        pytest.skip("needs pyarrow")
    form = formats[name]
    form.read(form.sound)  # what is sound is read, and modules are loaded before the forks
    (work / "altered").mkdir()
    tally = try_mutations(count, form.maker(work / "altered"), form.read, first=first)
    print(f"{name}: {tally.refused} refused, {tally.read} read")
    told = [f"{n} x {fault} (mutation {tally.examples[fault]})"
            for fault, n in tally.faults.most_common()]  # fmt: skip
    assert not told, "\n".join(told)


@pytest.mark.hostile("altered files (a sample)")
@pytest.mark.parametrize("name", NAMES)
def test_altered_files_are_refused_or_read(
    formats: dict[str, Format], tmp_path: Path, name: str
) -> None:
    check(formats, tmp_path, name, SAMPLE)


@pytest.mark.hostile("altered files, 10,000 of each format")
@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", NAMES)
def test_ten_thousand_altered_files(formats: dict[str, Format], tmp_path: Path, name: str) -> None:
    check(formats, tmp_path, name, COUNT, FIRST)
