"""A benchmark is opened as the suite wants it: its limit, its stops, its metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from mind_core import MindError
from mind_eval.benchmarks.benchmark import benchmark_folder
from mind_eval.benchmarks.layouts.law import SEVERAL, SINGLE
from mind_eval.builtins import FOLDER
from mind_eval.evaluation import open_benchmark
from mind_eval.metrics.items import SPBLEU, check_metrics
from mind_eval.metrics.likelihoods import SMALL
from mind_eval.prompts.chat import LAYOUTS
from mind_eval.prompts.spec import Spec
from mind_eval.suites import suite_recipe


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split in ("dev", "devtest"):
        folder = tmp_path / "flores200" / split
        folder.mkdir(parents=True)
        for language in ("eng_Latn", "zho_Hans", "zho_Hant"):
            (folder / f"{language}.{split}").write_text("水 water\n" * 4)
    return tmp_path


def opened(name: str, root: Path | None, **values: object) -> Spec:
    recipe = suite_recipe(None, [name], None, None)
    recipe.values |= values
    return open_benchmark(name, benchmark_folder(FOLDER / name)(), root, 0, False, recipe).spec


def test_a_text_has_the_metrics_stops_and_limit_of_its_task(root: Path) -> None:
    plain = opened("flores", root)
    assert SPBLEU not in plain.metrics and "bleu" in plain.metrics and plain.stops == ("\n",)
    assert set(plain.metrics).isdisjoint(SMALL)
    limited = opened("flores", root, max_new_tokens=7)
    assert (limited.new_tokens, limited.metrics) == (7, plain.metrics)


def test_a_blank_line_ends_a_text_unless_the_model_is_asked_in_a_conversation(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "disc-law-eval" / "objective"
    folder.mkdir(parents=True)
    for kind in (*SINGLE, *SEVERAL):
        row = "input,output,A,B,C,D\n问？,A,甲,乙,丙,丁\n"
        (folder / f"mcq_{kind}.csv").write_text(row, encoding="utf-8")
    plain = opened("disc_law", tmp_path)
    assert plain.stops == ("\n\n",) and opened("disc_law", tmp_path, chat=LAYOUTS[0]).stops == ()


def test_pieces_are_counted_where_a_model_of_them_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mind_eval.evaluation.spm_of", lambda _: "pieces.model")
    spec = opened("flores", root)
    assert spec.metrics[-1] == SPBLEU and spec.metadata["spm"] == "pieces.model"
    assert SPBLEU not in opened("piqa", None).metrics, "nothing is translated there"


def test_choices_have_the_metrics_for_small_models_if_these_are_asked_for(root: Path) -> None:
    plain = opened("piqa", None)
    small = opened("piqa", None, metrics="small")
    assert small.metrics == (*plain.metrics, *SMALL) and set(plain.metrics).isdisjoint(SMALL)
    assert opened("flores", root, metrics="small").metrics == opened("flores", root).metrics


def test_a_metric_or_filter_that_is_not_there_is_refused_before_the_run() -> None:
    spec = opened("piqa", None)
    check_metrics(spec)
    for wrong, message in (
        ({"metrics": ("acc", "bleu")}, "no metric 'bleu' for multiple_choice"),
        ({"metadata": {"extract": "guess"}}, "no extractor 'guess'"),
        ({"metadata": {"filters": ["guess"]}}, "no filter 'guess'"),
    ):
        changed = Spec(**{**vars(spec), **wrong})
        with pytest.raises(MindError, match=message):
            check_metrics(changed)
    own = Spec(**{**vars(spec), "metrics": ("own",), "scorer": lambda *_: {"own": 1.0}})
    check_metrics(own)
