"""What a thread writes is what is written without one; what goes wrong in it is told."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from mind_core import output as outputs
from mind_core.errors import MindError
from mind_core.output import Output, open_output


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_CHUNK", 64)


def blocks() -> list[bytes]:
    chance = random.Random(2)
    return [b"line %d\n" % chance.randrange(10**6) * chance.randrange(9) for _ in range(300)]


@pytest.mark.parametrize("count", [0, 1, 300])
def test_the_bytes_are_the_same(count: int, small: None, tmp_path: Path) -> None:
    for name, threaded in (("plain", False), ("thread", True)):
        with open_output(tmp_path / name, threaded=threaded) as output:
            assert isinstance(output, Output) and (output.thread is not None) == threaded
            for block in blocks()[:count]:
                output.write(block)
    assert (tmp_path / "thread").read_bytes() == (tmp_path / "plain").read_bytes()


def test_a_failure_leaves_no_file_and_no_thread(small: None, tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="stop"),
        open_output(tmp_path / "out", threaded=True) as output,
    ):
        output.write_all(blocks())
        raise RuntimeError("stop")
    assert isinstance(output, Output) and output.thread is not None
    assert not output.thread.is_running
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_thread_is_raised_and_leaves_no_file(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, data: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs.Output, "_compress", full)
    with (
        pytest.raises((MindError, OSError), match="write|space"),
        open_output(tmp_path / "out", threaded=True) as output,
    ):
        for block in blocks():
            output.write(block)
    assert not list(tmp_path.iterdir())


def test_a_pipe_and_plain_lines_have_no_thread(tmp_path: Path) -> None:
    with open_output(tmp_path / "plain", 0, threaded=True) as output:
        assert isinstance(output, Output) and output.thread is None
