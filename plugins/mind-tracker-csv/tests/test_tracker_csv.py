"""The file of a run, and of one that goes on."""

from __future__ import annotations

from pathlib import Path

from mind_tracker_csv import Csv

from mind_train import TrackedRun


def rows_of(folder: Path) -> list[list[str]]:
    return [row.split(",") for row in (folder / "metrics.csv").read_text().splitlines()]


def test_a_run_that_goes_on_continues_its_rows(tmp_path: Path) -> None:
    tracker = Csv()
    tracker.start(TrackedRun(tmp_path, "run", 0, {}, 1, {}))
    for step in (1, 2, 3):
        tracker.log({"step": step, "loss": 4.0 / step, "lr": 0.1})
    tracker.log({"step": 3, "all": {"nats_per_token": 2.5}})
    tracker.finish()
    again = Csv()
    again.start(TrackedRun(tmp_path, "run", 2, {}, 1, {}))
    again.log({"step": 3, "loss": 9.0})
    rows = rows_of(tmp_path)
    assert [row[:2] for row in rows] == [["step", "loss"], ["1", "4.0"], ["2", "2.0"], ["3", "9.0"]]
