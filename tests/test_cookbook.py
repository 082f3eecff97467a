"""The commands of docs/cookbook run, as they stand there but for their sizes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from cookbook import DATA, write_archives, write_model

COOKBOOK = Path(__file__).parent.parent / "docs" / "cookbook"
PAGES = sorted(path.stem for path in COOKBOOK.glob("*.md") if not path.stem.endswith(".zh"))
TINY = "--recipe tiny-cpu --set train.steps=2 --set train.batch=4"
STEPS = "--set train.steps=2 --set train.epochs=0 --set train.batch=4"

Sizes = dict[str, str]

SMALL: dict[str, Sizes] = {
    "common-crawl": {
        " -j 64": "",
        " -j 16": "",
        "--vocab-size 125700": "--vocab-size 2500",
        "--validation 0.001": "--validation 0.02",
        "--devices 8": "--devices 8 --set data.max_epochs=0",
        "torchrun --nproc-per-node 8 -m mind_train": "mind-train",
        "--recipe mindllm-3b --set train.parallel=fsdp": TINY,
        "--heldout heldout.jsonl.zst": "--suite none --limit 2 --heldout heldout.jsonl.zst",
    },
    "continue-a-model": {
        " -j 8": "",
        "train.steps=2000": "train.steps=2 --set train.batch=4",
        "train.sequence=2048": "train.sequence=128",
        "train.epochs=2": "train.epochs=0 --set train.steps=2 --set train.sequence=256",
        "--max-new 64": "--max-new 4",
        "--heldout": "--limit 2 --heldout",
    },
    "domain-model": {
        "--from base -o": f"--from base {STEPS} --cache cache -o",
        "--heldout": "--limit 2 --heldout",
        "--band 0,1.5": "--quantile 0.2,0.8 --set entropy.long=cut",
        "elo verdicts": "elo --draws 20 verdicts",
    },
    "gate-in-ci": {
        "train.steps=20": "train.steps=2 --set train.batch=4",
        "--limit 20": "--limit 2",
    },
}
"""What is smaller here than on the page: each has to stand there."""


def commands(page: str) -> str:
    """Return the blocks of a page that are run: `bash` blocks need a network or a cluster."""
    text = (COOKBOOK / f"{page}.md").read_text("utf-8")
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


def small(page: str) -> str:
    """Return the commands of a page with the sizes of this test."""
    script = commands(page)
    for stands, instead in SMALL[page].items():
        assert stands in script, f"{page} has no {stands!r}"
        script = script.replace(stands, instead)
    return script


def run(script: str, folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=folder, capture_output=True, text=True, check=False,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "MIND_CACHE": str(folder / "cache"),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def copy(folder: Path, *names: str) -> None:
    for name in names:
        (folder / f"{name}.jsonl.zst").write_bytes((DATA / f"{name}.jsonl.zst").read_bytes())


def pages(folder: Path) -> None:
    """Put shipped pages where `pages.jsonl.zst` is expected."""
    lines = b"".join(
        (DATA / "pages" / f"{name}.jsonl.zst").read_bytes()
        for name in ("debian-manuals", "python-doc")
    )
    (folder / "pages.jsonl.zst").write_bytes(lines)


def distinct(folder: Path) -> None:
    pages(folder)
    run("mind-clean pages.jsonl.zst --limit 60 -q -o distinct.jsonl.zst", folder)


def for_common_crawl(folder: Path) -> None:
    write_archives(folder / "warcs", 40)
    copy(folder, "heldout")


def for_continue_a_model(folder: Path) -> None:
    write_model(folder / "qwen")
    distinct(folder)
    copy(folder, "heldout", "instructions")


def for_domain_model(folder: Path) -> None:
    distinct(folder)
    copy(folder, "heldout")
    run(
        "mind-tok train distinct.jsonl.zst --vocab-size 2500 -q -o tokenizer\n"
        "mind-tok encode distinct.jsonl.zst -t tokenizer --validation 0.02 -q -o shards\n"
        f"mind-train pretrain shards -q -o base {TINY}\nrm -r distinct.jsonl.zst shards",
        folder,
    )
    data = zstandard.ZstdDecompressor().stream_reader((DATA / "instructions.jsonl.zst").open("rb"))
    lines = data.read().splitlines(keepends=True)
    (folder / "conversations.jsonl").write_bytes(b"".join(lines[:60]))


def for_gate_in_ci(folder: Path) -> None:
    pages(folder)
    copy(folder, "heldout")


NEEDS: dict[str, Callable[[Path], None]] = {
    "common-crawl": for_common_crawl,
    "continue-a-model": for_continue_a_model,
    "domain-model": for_domain_model,
    "gate-in-ci": for_gate_in_ci,
}


@pytest.mark.parametrize("page", PAGES)
def test_each_page_is_told_what_is_smaller_here(page: str) -> None:
    assert small(page) != commands(page)
    assert page in NEEDS


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_run(page: str, tmp_path: Path) -> None:
    NEEDS[page](tmp_path)
    run(small(page), tmp_path)
