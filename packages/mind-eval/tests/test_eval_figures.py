"""One figure a benchmark: table, JSON, gate, report and comparison say the same, to the digit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from mind_core.errors import UsageError
from mind_core.files import write_json
from mind_core.output import write_records
from mind_eval.builtins import FOLDER
from mind_eval.compare import compare, notes
from mind_eval.gate_names import check_names, heldout_languages
from mind_eval.gates import metrics_of, parse_gate
from mind_eval.metrics.tasks import averages, mean_and_error, measure_task
from mind_eval.options import RunOptions
from mind_eval.prompts.spec import read_spec
from mind_eval.report.comparison import _cell
from mind_eval.report.scores import scores_section
from mind_eval.significance import interval
from mind_eval.suites import suite_recipe
from mind_eval.table import scores_table

SUBJECTS = {"law": [1, 1, 1, 0], "art": [0, 1]}
"""By item 4 of 6 = 0.667, by subject (0.75 + 0.5) / 2 = 0.625."""


def record(subject: str, number: int, right: int) -> dict[str, Any]:
    return {
        "id": f"ceval/{subject}-{number}", "task": "ceval", "subject": subject, "doc_id": number,
        "metrics": {"acc": float(right), "acc_norm": 0.0, "acc_bytes": 1.0}, "picked": 0,
        "target": 0, "answers": [[-1.0, True]], "doc_hash": "d", "prompt_hash": "p",
    }  # fmt: skip


def scores_of(rows: dict[str, list[int]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    records = [record(s, n, right) for s, group in rows.items() for n, right in enumerate(group)]
    spec = read_spec(FOLDER / "ceval" / "letter.yaml", "ceval")
    measured = measure_task(
        spec, records, metric=None, average="subjects", categories={"all": ["law", "art"]}
    )
    count = len(records)
    return {
        "results": {"ceval": measured.results},
        "headlines": {"ceval": measured.headline},
        "benchmarks": {"ceval": {"language": "zh", "form": "letter", "chance": 0.25}},
        "n-samples": {"ceval": {"original": count, "effective": count}},
        "categories": {"ceval": measured.categories},
        "averages": averages({"ceval": measured}, {"Chinese": ["ceval"], "More": ["ceval", "x"]}),
    }, records


def test_subjects_count_the_same_everywhere(tmp_path: Path) -> None:
    scores, records = scores_of(SUBJECTS)
    # variances of the means of 4 and of 2 zeros and ones, with n - 1
    error = math.sqrt(0.75 * 0.25 / 3 + 0.5 * 0.5 / 1) / 2
    headline = scores["headlines"]["ceval"]
    assert headline == {
        "metric": "acc", "average": "subjects", "value": 0.625,
        "stderr": pytest.approx(error), "by_item": pytest.approx(2 / 3), "by_subject": 0.625,
    }  # fmt: skip
    assert scores["results"]["ceval"]["acc,none"] == 0.625
    assert scores["results"]["ceval"]["acc_stderr,none"] == headline["stderr"]
    assert scores["results"]["ceval"]["acc_bytes,none"] == 1.0
    assert scores["results"]["ceval"]["sample_len"] == 6
    flat = metrics_of(scores)
    assert flat["ceval"] == flat["ceval.acc"] == flat["average.Chinese"] == 0.625
    assert "average.More" not in flat, "a group with a member missing has no value"
    assert scores["averages"]["More"]["missing"] == ["x"]
    assert scores["categories"]["ceval"]["all"] == {
        "items": 6, "subjects": 2, "acc": 0.625,
    }  # fmt: skip
    lines = [line.split() for line in scores_table(scores).splitlines() if "ceval" in line]
    assert lines[0][-5:-2] == ["0.2500", "0.6250", f"{error:.4f}"] and lines[0][-1] == "no"
    assert lines[0][4:8] == ["acc", "*", "subjects", "6"]
    assert lines[1][4:7] == ["acc_norm", "subjects", "6"] and lines[1][-4] == "0.0000"
    assert lines[-1] == ["Chinese", "ceval", "0.6250"], "the row of the average"
    section = scores_section({"run": scores})
    assert section is not None and f"0.625 ± {error:.3f}" in section.body
    wanted = (0.625, max(0, 0.625 - 1.959964 * error), 0.625 + 1.959964 * error)
    assert interval(scores, "ceval") == pytest.approx(wanted)
    other, others = scores_of({"law": [1, 1, 0, 0], "art": [1, 1]})
    for name, one, items in (("a", scores, records), ("b", other, others)):
        (tmp_path / name).mkdir()
        write_json(tmp_path / name / "scores.json", {**one, "heldout": {}})
        write_records(tmp_path / name / "items.jsonl.zst", items)
        write_json(tmp_path / name / "manifest.json", {"format": "mind-scores", "version": 1})
    rows = [row for row in compare([tmp_path / "a", tmp_path / "b"]) if row["metric"] == "acc"]
    assert rows[0]["value_a"] == pytest.approx(4 / 6) and rows[0]["value_b"] == pytest.approx(4 / 6)
    assert rows[0]["headlines"] == [0.625, 0.75]
    assert any("averages subjects, A 0.6250, B 0.7500" in line for line in notes(rows))


def test_subjects_of_one_item_have_an_error_too() -> None:
    """With --limit few have two: the page showed an interval of no width."""
    headline = scores_of({"law": [1, 1, 1, 0], "art": [0]})[0]["headlines"]["ceval"]
    # the variance within law is 0.25: of its mean 0.25 / 4, of art's one item 0.25
    assert headline["value"] == 0.375
    assert headline["stderr"] == pytest.approx(math.sqrt(0.25 / 4 + 0.25) / 2)
    scores, _ = scores_of({"law": [1], "art": [0]})
    assert scores["headlines"]["ceval"]["stderr"] == pytest.approx(0.5)
    assert interval(scores, "ceval") == pytest.approx((0.5, 0.0, 0.5 + 1.959964 * 0.5))
    scores, _ = scores_of({"law": [1]})
    assert interval(scores, "ceval") is None
    assert _cell(scores, "ceval", "acc", {1}, 0.25) == "<b>1.000</b>"


def test_means_have_their_standard_error() -> None:
    assert mean_and_error([]) == (None, None)
    assert mean_and_error([0.5]) == (0.5, None)
    assert mean_and_error([0, 1, 1, 0]) == (0.5, pytest.approx(math.sqrt(0.25 / 3)))


def test_a_gate_on_what_will_not_be_measured_is_refused_before_the_run(tmp_path: Path) -> None:
    from mind_eval.cli import make_plugins

    heldout = tmp_path / "heldout.jsonl"
    heldout.write_text(
        '{"text":"Water boils.","metadata":{"lang":"en"}}\n'
        '{"text":"水的沸点是一百度。","metadata":{"lang":"zh"}}\n'
    )
    task = tmp_path / "sums.yaml"
    task.write_text("task: sums\ndoc_to_text: !function x.y\n")
    options = RunOptions(model="nowhere", heldout=(str(heldout),), tasks=(task,))
    recipe = suite_recipe("mindllm", (), None, None)

    def check(gate: str, options: RunOptions = options) -> None:
        check_names([parse_gate(gate)], recipe, options, make_plugins())

    for gate in ("cmmlu>=0.2", "piqa.acc_norm>0", "average.Chinese>0", "heldout.zh.bits_per_byte<4",
                 "heldout.all.nats_per_token<9", "heldout.en.documents>=1", "sums.acc>0",
                 "flores.bleu>1", "gsm8k.unparsed<1"):  # fmt: skip
        check(gate)
    for gate in ("heldout.fr.bits_per_byte<4", "heldout.zh.bits_per_bite<4", "heldout.zh<4",
                 "piqa.exact_match>0", "average.chinese>0", "other.acc>0"):  # fmt: skip
        with pytest.raises(UsageError, match="nothing will be measured"):
            check(gate)
    with pytest.raises(UsageError, match="nothing will be measured") as error:
        check("heldout.zh.bits_per_byte<4", RunOptions(model="m", heldout=(str(heldout),), limit=1))
    assert "the first 1 records of the held-out text has all, en" in str(error.value.cause)
    assert heldout_languages([str(heldout)], None, {"en"}) == ["all", "en"], "it reads no further"
    assert heldout_languages(["/dev/fd/63"], None, {"en"}) is None, "a pipe is read once"
    with pytest.raises(UsageError, match="nothing will be measured"):
        check_names([parse_gate("ceval_test>0")], suite_recipe(None, ("ceval_test",), None, None),
                    RunOptions(model="m"), make_plugins())  # fmt: skip
    named = RunOptions(model="m", tasks=("arc_easy",))
    check("arc_easy.acc>0", named)  # known once lm-eval has loaded it
    with pytest.raises(UsageError):
        check("heldout.zh.bits_per_byte<4", named)
