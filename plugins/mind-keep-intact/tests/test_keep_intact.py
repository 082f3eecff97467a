"""The damaged copy goes although it comes first; of two whole ones the longer stays."""

from __future__ import annotations

from pathlib import Path

import mind_keep_intact
import pytest
from mind_keep_intact import Intact, register_keep_policies

from mind_core.testing import run_tool

PAGE = "It’s a café at 20 °C: unpack the archive, read the notes, run the installer. " * 6
POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。" * 5


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [
        (PAGE, PAGE.encode().decode("cp1252", "replace")),
        (PAGE, PAGE.replace("’", "&rsquo;")),
        (POEM, POEM.replace("霜", "锟斤拷", 1)),
        (POEM, POEM.replace("乡", "\ufffd", 1)),
        (POEM, POEM + "\x00"),
    ],
)
def test_damage_is_seen(whole: str, damaged: str) -> None:
    assert damaged != whole
    assert Intact()({"text": damaged}) < Intact()({"text": whole})


def test_what_is_no_damage() -> None:
    for text in (PAGE, POEM, "AT&T; R&D\ttab\nline\r\n", "Ångström, naïve, â, Ã"):
        assert Intact()({"text": text}) == len(text)
    assert Intact()({}) == Intact()({"text": None}) == float("-inf")


def test_it_decides_in_mind_dedup() -> None:
    long = " ".join(f"word{number} and" for number in range(100)) + " “quoted”"
    texts = [long.replace("“", "\ufffd") + " with a longer end", long, long + " end"]
    records = [{"id": i, "text": text} for i, text in enumerate(texts)]
    plugin = ["--plugin", Path(mind_keep_intact.__file__)]
    kept = run_tool(
        "mind-dedup", [*plugin, "--keep", "intact"], records, environment={"MIND_PLUGINS": ""}
    )
    assert [record["id"] for record in kept.records] == [2], kept.stderr
    kept = run_tool(
        "mind-dedup", [*plugin, "--keep", "intact:0"], records, environment={"MIND_PLUGINS": ""}
    )
    assert [record["id"] for record in kept.records] == [0], kept.stderr


def test_it_registers_under_its_name() -> None:
    assert register_keep_policies() == {"intact": Intact}
