"""Tables of others: cells of any length, rows of any kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mind_core.errors import MindError

SOURCES = [path for folder in ("packages", "plugins")
           for path in Path(__file__).parents[2].glob(f"{folder}/*/src/**/*.py")]  # fmt: skip
OWN = {"mind_tracker_csv/__init__.py", "text/benchmark_files.py"}
"""What a tracker wrote itself; what raises the limit of a cell to that of the file."""


def prices(path: Path) -> object:
    from mind_domain.domains.finance.price_rows import read_price_rows

    return list(read_price_rows(path))


def sheet(path: Path) -> object:
    from mind_domain.judges.offline import SheetJudge

    return SheetJudge(str(path)).rows


def fits(path: Path) -> object:
    from mind_sft_select.fitting.inputs import read_rows

    return read_rows(path)


def runs(path: Path) -> object:
    from mind_train.experiments.run_table import table_rows

    return list(table_rows(path))


@pytest.mark.hostile("a table with a cell that never ends, or of other bytes")
@pytest.mark.parametrize("read", [prices, sheet, fits, runs])
@pytest.mark.parametrize("content", [b'a,b\n"' + b"x" * 300_000, b"a\tb\n\xff\xfe"])
def test_a_table_is_refused(
    tmp_path: Path,
    read: Callable[[Path], object],
    content: bytes,
) -> None:
    import csv

    before = csv.field_size_limit(1 << 17)  # readers of other tests have raised it
    (tmp_path / "a.csv").write_bytes(content)
    try:
        with pytest.raises(MindError):
            read(tmp_path / "a.csv")
    finally:
        csv.field_size_limit(before)


def test_every_reader_of_tables_takes_their_errors() -> None:
    reading = {
        "/".join(path.parts[-2:]): text
        for path in SOURCES
        if "csv.reader(" in (text := path.read_text("utf-8")) or "csv.DictReader(" in text
    }
    assert {name for name, text in reading.items() if "csv.Error" not in text} == OWN
