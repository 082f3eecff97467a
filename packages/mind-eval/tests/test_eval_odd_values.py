"""Values and files that are not quite as usual: numpy's floats, names, references, failures."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from mind_core import MindError
from mind_eval.benchmarks.layouts.law import fineval
from mind_eval.benchmarks.rows import BAD, read_rows
from mind_eval.distributed import Ranks
from mind_eval.models.endpoint import Endpoint, UnansweredError
from mind_eval.response_cache import ResponseCache
from mind_eval.results import plain
from mind_eval.runner import RequestRunner
from mind_eval.server_requests import Request, _take_in


def test_numbers_of_numpy_become_pythons() -> None:
    found = plain({"a": np.float64(0.5), "b": [np.float32(0.5), np.int64(2), np.bool_(True)]})
    assert [type(v) for v in (found["a"], *found["b"])] == [float, float, int, bool]


def test_a_file_of_any_name_is_taken_for_the_kind_that_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "mine.questions"
    file.write_text('{"question": "a"}\n')
    assert [row["question"] for row in read_rows(file, ending=".jsonl")] == ["a"]


def test_a_calculation_without_a_number_in_its_reference_is_bad(tmp_path: Path) -> None:
    file = tmp_path / "numerical-calculation.csv"
    file.write_text("序号,基座query,标准答案\n1,多少？,无法计算\n2,多少？,3.5%\n", "utf-8")
    first, second = fineval(tmp_path)["test"]
    assert "no number" in first[BAD] and second["answer"] == "3.5%"


def test_a_sound_reply_and_a_new_task_begin_the_count_of_failures_again() -> None:
    engine: Any = SimpleNamespace(failures={}, refusals={}, in_a_row=0, keep_going=True)
    for error in (MindError("no server"), UnansweredError("empty", "no text")):
        future: Future[Any] = Future()
        future.set_exception(error)
        _take_in(engine, Request("k", "item", lambda: ""), future)
    assert engine.in_a_row == 0
    server = Endpoint("http://localhost/v1", "m")
    runner = RequestRunner(server, ResponseCache(None), Ranks(), 64)
    runner.in_a_row = 20
    spec: Any = None
    assert list(runner.ask(spec, [])) == [] and runner.in_a_row == 0
