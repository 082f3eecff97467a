"""How large an input is before it is read, and what a text is worth beside its copies."""

from __future__ import annotations

import gzip
import math
import random
from pathlib import Path

import numpy as np
import pytest
import zstandard

from mind_core import cli
from mind_dedup.cli import app
from mind_dedup.input_size import _TELLS, InputSize, _unpacked, expected_bytes
from mind_dedup.keep.policies import Newest, quality_of
from mind_dedup.passages import joined

HALF_A_BLOCK = 1 << 16


def test_growth_is_told_from_eight_megabytes_on() -> None:
    assert _TELLS == 8_000_000
    for seen, growth in ((_TELLS, 1.0), (_TELLS + 1, 4.0), (0, 1.0)):
        assert InputSize(4 * (_TELLS + 1), seen).growth() == pytest.approx(growth)
    assert InputSize(0, 2 * _TELLS).growth() == 1.0, "more came than was known"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_packed_start_tells_what_it_holds(pack: object) -> None:
    noise = random.Random(0).randbytes(5000)
    assert callable(pack)
    assert _unpacked(pack(noise)) == HALF_A_BLOCK + 5000
    # What becomes very large is not followed to its end.
    packed = pack(b"a" * 50_000_000)
    assert HALF_A_BLOCK <= _unpacked(packed) <= HALF_A_BLOCK + 20 * len(packed) + (1 << 20)
    assert _unpacked(pack(noise)[:4] + b"\xff" * 90) >= HALF_A_BLOCK


def test_the_first_packed_input_stands_for_the_rest(tmp_path: Path) -> None:
    plain, packed, other = (tmp_path / name for name in ("a", "b.gz", "c.zst"))
    plain.write_bytes(b"x" * 1000)
    packed.write_bytes(gzip.compress(b"{}\n" * 100_000))
    other.write_bytes(zstandard.compress(b"x" * 9))
    times = _unpacked(packed.read_bytes()) / packed.stat().st_size
    assert expected_bytes([str(plain), "-", str(tmp_path / "none")]) == 1000
    assert expected_bytes(list(map(str, (plain, packed, other)))) == sum(
        (1000, int(packed.stat().st_size * times), int(other.stat().st_size * times))
    )


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("", 0.0), ("abc", 1.0), ("ab cd 水", 2 / 3), ("水火", 1.0), ("水火 ab", 2 / 3),
        ("<b>abc</b>", 1.0 - 2 * 7 / 10), ("a&nbsp;b", 2.0 / 2 - 2 * 6 / 8),
    ],
)  # fmt: skip
def test_a_text_is_worth_its_script_less_its_markup(text: str, worth: float) -> None:
    # Markup counts as words as well: b, b and nbsp are Latin.
    assert quality_of(text) == pytest.approx(worth + 0.02 * math.log2(1 + len(text)))


def test_the_newest_is_known_in_any_time_zone() -> None:
    newest = Newest("t")
    assert newest({"t": "2024-01-01T08:00:00+08:00"}) == newest({"t": "2024-01-01T00:00:00"})
    assert newest({"t": "2024-01-02"}) - newest({"t": "2024-01-01"}) == 86_400
    assert {newest({"t": wrong}) for wrong in ("soon", 7, None)} == {-math.inf}


def test_spans_that_touch_are_one_and_keep_their_first_run() -> None:
    firsts, lasts = np.array([0, 3, 5, 9, 11]), np.array([3, 4, 6, 12, 11])
    assert joined(firsts, lasts) == [(0, 4, 0), (5, 6, 2), (9, 12, 3)]
    assert joined(np.zeros(0, np.int64), np.zeros(0, np.int64)) == []


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [([], False), (["--unverified"], True), (["--signature", "url", "--unverified"], False)],
)
def test_a_run_without_verification_says_so_and_no_other(
    arguments: list[str], warned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "in.jsonl.zst"
    empty.write_bytes(zstandard.compress(b""))
    with pytest.raises(SystemExit) as ended:
        cli.run(app, "mind-dedup", [str(empty), "-o", str(tmp_path / "out"), *arguments])
    shown = capsys.readouterr().err
    assert (ended.value.code, "warning: unverified" in shown) == (0, warned), shown
