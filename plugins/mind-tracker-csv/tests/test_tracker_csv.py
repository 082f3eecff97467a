"""The file of a run, and of one that goes on."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
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


def test_a_row_that_a_kill_cut_is_done_again(tmp_path: Path) -> None:
    head = "step,loss,lr,grad_norm,tokens,tokens_per_second,held_out\r\n"
    (tmp_path / "metrics.csv").write_bytes(f"{head}11,2.0,,,,,\r\n12".encode())  # of 123
    Csv().start(TrackedRun(tmp_path, "run", 122, {}, 1, {}))
    assert (tmp_path / "metrics.csv").read_bytes() == f"{head}11,2.0,,,,,\r\n".encode()


def test_a_stop_at_the_resume_leaves_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    tracker = Csv()
    tracker.start(TrackedRun(tmp_path, "run", 0, {}, 1, {}))
    tracker.log({"step": 1, "loss": 4.0})
    before = (tmp_path / "metrics.csv").read_bytes()
    monkeypatch.setattr(csv.DictWriter, "writerows", stop)
    with pytest.raises(KeyboardInterrupt):
        Csv().start(TrackedRun(tmp_path, "run", 1, {}, 1, {}))
    assert (tmp_path / "metrics.csv").read_bytes() == before
