"""Where a run stands among reference runs is what their curves say, and what cannot be compared is
an error."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from mind_core import cli
from mind_core.errors import MindError, UsageError
from mind_train.cli import app
from mind_train.references.placing import FAR, place
from mind_train.references.runs import ReferenceRun, open_references, run_as_reference

Change = Callable[..., list[str]]


def reference(
    name: str = "ref", body: int | None = 10, **curves: list[list[float]]
) -> ReferenceRun:
    points = {language: tuple((x, y) for x, y in rows) for language, rows in curves.items()}
    return ReferenceRun(name, "mindllm", body, "laws", "a command", points)


def call(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.run(app, "mind-train", [str(a) for a in arguments])
    out, err = capfd.readouterr()
    return ended.value.code, out, err


def test_the_shipped_runs_say_what_they_were_trained_on_and_how() -> None:
    runs = open_references("shipped")
    assert len({run.name for run in runs}) == len(runs) >= 9
    for run in runs:
        assert run.body and run.command and len(run.text) > 40, run.name
        assert set(run.curves) == {"en", "zh"}
        for points in run.curves.values():
            assert points[0][0] == 0 and points[-1][1] < points[0][1]


def test_between_measurements_a_loss_falls_with_the_logarithm_of_tokens() -> None:
    run = reference(zh=[[0, 4.0], [100, 3.0], [400, 2.0]])
    assert run.at("zh", 0) == 4.0 and run.at("zh", 50) == 3.5 and run.at("zh", 100) == 3.0
    assert run.at("zh", 200) == pytest.approx(2.5)
    assert run.at("zh", 400) == 2.0 and run.at("zh", 401) is None and run.at("en", 100) is None
    assert run.fall("zh", 400) == pytest.approx(0.5) and run.fall("zh", 900) is None


def test_a_run_is_placed_by_tokens_nearest_sizes_first() -> None:
    small = reference("small", 10, zh=[[0, 4.0], [100, 3.0], [400, 2.4]])
    large = reference("large", 1000, zh=[[0, 4.0], [100, 2.9], [400, 2.0]])

    def words(*rows: list[float], body: int | None = 900) -> str:
        (found,) = place(reference("mine", body, zh=list(rows)), [small, large])
        return found.words()

    usual = words([0, 4.0], [100, 3.0], [200, 2.6])
    assert "you are here, 2.60 bits per byte after 200 tokens" in usual
    assert "large 2.45; small 2.70; within what they had" in usual
    assert "small 2.70; large 2.45" in words([0, 4.0], [200, 2.6], body=12)
    # A table alone has a body of 0, which is as near to one size as to the other.
    assert "small 2.70; large 2.45" in words([0, 4.0], [200, 2.6], body=0)
    assert "far above all of them" in words([0, 4.0], [200, 2.7 + FAR + 0.01])
    assert "far below all of them" in words([0, 4.0], [200, 2.45 - FAR - 0.01])
    stuck = words([0, 4.0], [100, 2.70], [200, 2.69])
    assert "it fell by 0.01 since half of these tokens, they by 0.30 or more" in stuck
    beyond = words([0, 4.0], [300, 2.4], [9_000, 1.5])
    assert "1.50 bits per byte after 9,000 tokens; at 300 tokens" in beyond and "had 2.40" in beyond


def test_the_run_that_stopped_learning_is_told_apart_from_one_that_did_not() -> None:
    """As in docs/benchmarks/mind-train.md at 15M: 3.39 → 3.42 at 1e-3, 3.29 → 3.04 at 3e-4."""
    shipped = open_references("shipped")
    stuck = reference("stuck", 14_161_920, en=[[0, 4.56], [230_400, 3.39], [614_400, 3.42]])
    sound = reference("sound", 14_161_920, en=[[0, 4.56], [204_800, 3.29], [614_400, 3.04]])
    assert "it may have stopped learning" in place(stuck, shipped)[0].words()
    assert place(sound, shipped)[0].words().endswith("within what they had")


def test_plot_and_plan_draw_and_say_it(
    trained: Path, shards: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "here.svg"
    code, out, err = call(capfd, "plot", trained, "--reference", "shipped", "-o", picture)
    assert code == 0 and out == ""
    run = run_as_reference(trained)
    for language in ("en", "zh"):
        tokens, value = run.curves[language][-1]
        assert f"{language}: you are here, {value:.2f} bits per byte after {tokens:,.0f}" in err
    svg = picture.read_text()
    assert svg.count("you are here") == 2 and "software manuals" in svg
    few = ("--set", "train.steps=12", "--set", "data.max_epochs=0")
    code, out, _ = call(capfd, "plan", shards, "--reference", "shipped", "--json", *few)
    found = json.loads(out)["reference"]
    assert set(found) == {"en", "zh"} and len(found["zh"]) == 4
    assert all(one["points"] and one["text"] for one in found["en"])
    code, out, _ = call(capfd, "plan", "--reference", trained, "--vocab", "420")
    assert (
        code == 0 and "reference runs nearest in size" in out and f"  zh  {trained.name}: " in out
    )


def test_what_cannot_be_compared_is_an_error(
    trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    french = {"name": "a", "architecture": "b", "text": "c", "command": "d"}
    other = tmp_path / "fr.json"

    def write(**changes: object) -> Path:
        run = {**french, "curves": {"fr": [[0, 4.0], [10, 3.0]]}, **changes}
        other.write_text(json.dumps({"format": "mind-reference-curves", "runs": [run]}))
        return other

    with pytest.raises(MindError, match="no curve of en, zh; it has fr"):
        place(run_as_reference(trained), open_references(str(write())))
    for points in ([[0, 4.0], [0, 3.0]], [], [[0, -1.0]], [[0, "inf"]]):
        with pytest.raises(MindError, match=r"fr\.json, run 1: the curve fr is no series"):
            open_references(str(write(curves={"fr": points})))
    for curves in ("x", {"fr": [[0]]}, {"fr": 7}, {"fr": [[0, "a"]]}):
        with pytest.raises(MindError, match="not as it should be"):
            open_references(str(write(curves=curves)))
    for body in (0, -3):
        with pytest.raises(MindError, match=f"run 1: body is {body}"):
            open_references(str(write(body=body)))
    other.write_text('{"runs": []}')
    with pytest.raises(MindError, match="no reference curves"):
        open_references(str(other))
    other.write_text("{")
    with pytest.raises(MindError, match="not JSON"):
        open_references(str(other))
    with pytest.raises(UsageError, match="no such file"):
        open_references(str(tmp_path / "nothing.json"))
    code, _, err = call(capfd, "plot", trained, trained, "--reference", "shipped")
    assert code == 2 and "compares one run" in err
    assert math.isfinite(run_as_reference(trained).curves["zh"][-1][1])
