"""What must never be wrong in silence: numbers that are none, equal scores, turns out of order."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from mind_core import Record
from mind_core.chats import check_turns
from mind_core.errors import BadRecord, GateError, MindError, UsageError
from mind_core.records import encode
from mind_core.runner import StreamOptions
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_sft_select.bands import Band
from mind_sft_select.config import effective_recipe, make_config
from mind_sft_select.instructions import Instruction
from mind_sft_select.pipeline import make_plugins, refuse_equal
from mind_sft_select.references import Reference
from mind_sft_select.score_sources import (
    NOT_FINITE,
    ModelScores,
    RecordScores,
    checked_values,
)
from mind_sft_select.score_stats import details, spread
from mind_sft_select.selection import SelectionRule, Selector
from mind_sft_select.warnings import warnings

ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def user(text: str = "q") -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str = "a") -> dict[str, str]:
    return {"role": "assistant", "content": text}


SYSTEM = {"role": "system", "content": "s"}


@pytest.fixture(scope="module")
def overflowing_model(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint whose weights are numbers, and whose scores are not: it overflows."""
    import torch

    from mind_train import load_checkpoint
    from mind_train.checkpoint import save_checkpoint

    folder = tmp_path_factory.mktemp("nan")
    model = load_checkpoint(model_folder).model
    with torch.no_grad():
        model.embedding.weight.mul_(1e38)
    shutil.copytree(model_folder / "tokenizer", folder / "tokenizer")
    save_checkpoint(folder, 1, "mindllm", model, {}, {}, folder / "tokenizer")
    return folder


@pytest.mark.parametrize("more", [["--reference-entropy", "5"], ["--quantile", "0.2,0.8"]])
def test_a_model_that_overflows_scores_nothing(
    overflowing_model: Path, made_instructions: list[Record], tmp_path: Path, more: list[str]
) -> None:
    out = tmp_path / "out.jsonl"
    arguments = ["--model", overflowing_model, *more, "-o", out]
    done = run_tool("mind-sft-select", arguments, made_instructions, environment=ONE_THREAD)
    assert done.code == 1 and not out.exists()
    assert "stdin:1: a number is not finite" in done.stderr
    assert f"entropy of record 'r0' under {overflowing_model}" in done.stderr
    assert "too_long" not in done.stderr


def test_what_is_not_finite_can_pass_only_as_bad(
    overflowing_model: Path, made_instructions: list[Record], tmp_path: Path
) -> None:
    arguments: list[str | Path] = [
        "--model", overflowing_model, "--quantile", "0.2,0.8", "--skip-bad", "all",
        "--rejects", tmp_path / "no", "--summary", tmp_path / "s.json",
    ]  # fmt: skip
    done = run_tool("mind-sft-select", arguments, made_instructions, environment=ONE_THREAD)
    assert done.code == 0 and not done.records, done.stderr
    summary = json.loads((tmp_path / "s.json").read_bytes())
    assert summary["bad"] == {"not_finite": 24} and summary["in"] == 24
    assert summary["details"]["languages"]["zh"]["scored"] == 0
    assert len(list(read_records([tmp_path / "no"]))) == 24


def test_a_reference_under_a_model_that_overflows_is_refused(
    overflowing_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "held.jsonl").write_text('{"text":"水是很常见的。"}\n')
    recipe = effective_recipe(None, {}, [])
    with pytest.raises(MindError, match="reference of language all is (nan|inf)"):
        make_config(recipe, make_plugins(), model=str(overflowing_model), device="cpu",
                    mark=False, seed=0, reference_file=str(tmp_path / "held.jsonl"))  # fmt: skip


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_scorers_infinity_is_no_score(value: float) -> None:
    assert checked_values("s", [1.0, value, None, 2], 4)[:2] == [1.0, NOT_FINITE]
    rule = SelectionRule("s", ["s"], "unscored", band=Band(-50.0, 50.0))
    given = Instruction("in.jsonl:3", {"id": "x", "messages": [user(), assistant()]})
    selector = Selector(rule, ModelScores([lambda records: [value for _ in records]], ["s"]))
    from mind_core.runner import BatchResult

    outcome = selector(BatchResult(payload=[given]))
    assert not outcome.kept and [e.reason for e, _ in outcome.bad] == ["not_finite"]
    error: BadRecord = outcome.bad[0][0]
    assert error.message.startswith("in.jsonl:3") and "'x'" in str(error.cause)


@pytest.mark.parametrize(
    ("values", "said"),
    [([1.0], "returned 1 numbers for 2 records"), ([1.0, "2"], "returned '2' for record 2 of 2"),
     ([1.0, True], "returned True"), (3.0, "no sequence")],
)  # fmt: skip
def test_a_scorer_of_the_wrong_length_or_type_is_named(values: Any, said: str) -> None:
    with pytest.raises(MindError, match=f"'mine'.*{said}|{said}") as caught:
        checked_values("mine", values, 2)
    assert "'mine'" in caught.value.message and caught.value.hint


def test_a_plugin_scorer_that_returns_too_few_ends_in_an_error(tmp_path: Path) -> None:
    plugin = tmp_path / "few.py"
    plugin.write_text(
        "from mind_sft_select import hookimpl\n\n"
        "def few():\n    '''Score all but one.'''\n"
        "    return lambda records: [1.0 for _ in records][1:]\n\n"
        "@hookimpl\ndef register_scorers():\n    return {'few': few}\n"
    )
    (tmp_path / "few.toml").write_text('band = [0.0, 2.0]\n[[step]]\nscorer = "few"\n')
    done = run_tool(
        "mind-sft-select",
        ["--plugin", plugin, "--recipe", tmp_path / "few.toml", "--reference-entropy", "0"],
        [{"messages": [user(), assistant()]}] * 3,
        environment=ONE_THREAD,
    )
    assert done.code == 1 and "scorer 'few' returned 2 numbers for 3 records" in done.stderr
    assert "Traceback" not in done.stderr


def test_equal_scores_are_no_quantiles() -> None:
    with pytest.raises(GateError, match=r"all 3 entropy scores of language en are 2.5"):
        refuse_equal("entropy", {"en": [2.5, 2.5, 2.5], "zh": [1.0, 2.0]}, per_language=True)
    refuse_equal("entropy", {"en": [2.5, 2.5, 2.5], "zh": [1.0, 2.0]}, per_language=False)
    refuse_equal("entropy", {"en": [2.5]}, per_language=True)


def test_equal_scores_end_a_run_with_exit_3(tmp_path: Path) -> None:
    plugin = tmp_path / "same.py"
    plugin.write_text(
        "from mind_sft_select import hookimpl\n\n"
        "def same():\n    '''Score alike.'''\n    return lambda records: [1.0 for _ in records]\n\n"
        "@hookimpl\ndef register_scorers():\n    return {'same': same}\n"
    )
    (tmp_path / "same.toml").write_text('quantile = [0.25, 0.75]\n[[step]]\nscorer = "same"\n')
    out = tmp_path / "out"
    done = run_tool(
        "mind-sft-select",
        ["--plugin", plugin, "--recipe", tmp_path / "same.toml", "-o", out],
        [{"messages": [user(str(n)), assistant(f"word {n}")]} for n in range(4)],
        environment=ONE_THREAD,
    )
    assert done.code == 3 and "all 4 same scores of language en are 1" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("messages", "reason", "cut"),
    [
        ([user(), assistant()], None, 0),
        ([SYSTEM, user(), assistant(), user(), assistant()], None, 0),
        ([user(), assistant(), user("and?")], None, 1),
        ([assistant(), user(), assistant()], "role_order", 0),
        ([user(), user(), assistant()], "role_order", 0),
        ([user(), assistant(), assistant()], "role_order", 0),
        ([user(), assistant(), SYSTEM, user(), assistant()], "role_order", 0),
        ([user(), SYSTEM, assistant()], "role_order", 0),
        ([user(), assistant(" "), user(), assistant()], "empty_turn", 0),
        ([user(" \n"), assistant()], "empty_question", 0),
        ([user(), assistant(" ")], "no_answer", 0),
        ([user(), user()], "no_answer", 0),
        ([], "no_answer", 0),
    ],
)
def test_turns_are_checked(messages: list[dict[str, str]], reason: str | None, cut: int) -> None:
    checked = check_turns(messages)
    assert (checked.reason, checked.cut) == (reason, cut)
    if cut:
        assert checked.messages == messages[:-cut]


def test_turns_out_of_order_are_rejected_and_a_tail_is_cut(
    model_folder: Path, tmp_path: Path
) -> None:
    records = [
        {"id": "tail", "messages": [user("1"), assistant("numbers"), user("2")]},
        {"id": "first", "messages": [assistant("hello"), user("1"), assistant("numbers")]},
        {"id": "late", "messages": [user("1"), assistant("numbers"), SYSTEM, user("2"),
                                    assistant("a poem")]},
        {"id": "hole", "messages": [user("1"), assistant(""), user("2"), assistant("a poem")]},
    ]  # fmt: skip
    arguments: list[str | Path] = [
        "--model", model_folder, "--reference-entropy", "0", "--band=-99,99",
        "--rejects", tmp_path / "no", "--summary", tmp_path / "s",
    ]  # fmt: skip
    done = run_tool("mind-sft-select", arguments, records, environment=ONE_THREAD)
    assert done.code == 0, done.stderr
    assert [r["id"] for r in done.records] == ["tail"]
    assert len(done.records[0]["messages"]) == 2
    assert done.records[0]["metadata"]["mind"]["sft-select"]["unanswered_tail"] == 1
    summary = json.loads((tmp_path / "s").read_bytes())
    assert summary["rejected"] == {"entropy.empty_turn": 1, "entropy.role_order": 2}
    assert summary["details"]["unanswered_tail"] == 1
    values = [r["metadata"]["mind"]["rejected"]["value"] for r in read_records([tmp_path / "no"])]
    assert values == [0, 2, 1], "the index of the message that is out of order"


def rows(*values: tuple[str, float, float]) -> list[RecordScores]:
    return [RecordScores(language, (score, tokens)) for language, score, tokens in values]


def made_selector(scores: list[RecordScores], **more: Any) -> Selector:
    selector = Selector(SelectionRule("entropy", ["entropy", "tokens"], "too_long", **more), list)
    for row in scores:
        selector.seen.add(row)
    return selector


MIXED = rows(
    ("zh", 1.0, 50.0), ("zh", 2.0, 40.0), ("zh", 3.0, 30.0),
    ("en", 11.0, 1.0), ("en", 12.0, 3.0), ("en", 13.0, 2.0), ("en", math.nan, 900.0),
)  # fmt: skip


def test_the_correlation_with_length_is_told_for_each_language() -> None:
    found = details(made_selector(MIXED))
    assert found["languages"]["zh"]["rank_correlation_with_tokens"] == -1.0
    assert found["languages"]["en"]["rank_correlation_with_tokens"] == 0.5
    assert found["rank_correlation_with_tokens"] == pytest.approx(-29 / 35, abs=1e-6)


def test_the_summary_has_values_not_only_keys() -> None:
    selector = made_selector(
        MIXED, band=Band(1.0, 1.5, {"zh": (0.5, 0.75)}), reference=Reference({"zh": 1.0, "en": 2.0})
    )
    selector.kept["zh"] = 2
    found = details(selector)
    assert found["band"] == [1.0, 1.5] and found["band_by_language"] == {"zh": [0.5, 0.75]}
    assert found["reference"] == {"zh": 1.0, "en": 2.0} and found["per_language"] is True
    assert found["decides"] == "entropy"
    zh, en = found["languages"]["zh"], found["languages"]["en"]
    assert (zh["records"], zh["scored"], zh["kept"], zh["entropy_mean"]) == (3, 3, 2, 2.0)
    assert (en["records"], en["scored"], en["kept"], en["entropy_mean"]) == (4, 3, 0, 12.0)
    assert zh["entropy_quantiles"] == {"0.05": 1.1, "0.25": 1.5, "0.5": 2.0, "0.75": 2.5,
                                       "0.95": 2.9}  # fmt: skip
    assert spread(rows(("zh", math.nan, 1.0)), "entropy") == {"records": 1, "scored": 0}


@pytest.mark.parametrize("assignment", ["band=[1.5, 1.0]", "band=[0.0]", "band=[0, inf]",
                                        "band=[nan, 1.0]", "band=['a', 'b']"])  # fmt: skip
def test_a_band_that_is_none_is_refused(assignment: str) -> None:
    with pytest.raises(UsageError):
        make_config(effective_recipe(None, {}, [assignment]), make_plugins(), model="",
                    device="cpu", mark=False, seed=0, reference_entropy="5")  # fmt: skip


def test_many_too_long_are_warned_of_with_their_lengths(model_folder: Path) -> None:
    from mind_core.summary import Summary

    scores = [RecordScores("en", (float(n), 10.0 + n)) for n in range(8)]
    scores += [RecordScores("en", (math.nan, 500.0 + n)) for n in range(2)]
    recipe = effective_recipe(None, {"band": (0.0, 1.0)}, [])
    config = make_config(recipe, make_plugins(), model=str(model_folder), device="cpu", mark=False,
                         seed=0, reference_entropy="0")  # fmt: skip
    summary = Summary("mind-sft-select")
    summary.rejected["entropy.too_long"] = 2
    found = list(warnings(made_selector(scores), summary, config))
    assert found == [
        "2 of 10 (20%) are too_long: answers of 500/500/500/501/501 tokens, the scored ones "
        "10/12/14/15/17; what is selected is short answers; --set entropy.long=cut scores what "
        "fits, entropy.long=window everything"
    ]
    summary.rejected["entropy.too_long"] = 1
    assert list(warnings(made_selector(scores), summary, config)) == []


def test_the_device_is_chosen_and_told(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(encode({"messages": [user("1"), assistant("numbers")]}))
    arguments: list[str | Path] = ["--model", model_folder, "--reference-entropy", "3",
                                   tmp_path / "in.jsonl"]  # fmt: skip
    done = run_tool("mind-sft-select", arguments, environment=ONE_THREAD)
    assert done.code == 0 and "scores on cpu with 1 thread, float32" in done.stderr
    done = run_tool("mind-sft-select", ["--device", "tpu9", *arguments], environment=ONE_THREAD)
    assert done.code == 2 and "--device 'tpu9' is no device" in done.stderr
    import torch

    if not torch.cuda.is_available():
        done = run_tool("mind-sft-select", ["--device", "cuda", *arguments, "-n"],
                        environment=ONE_THREAD)  # fmt: skip
        assert done.code == 2 and "torch sees no GPU here" in done.stderr


def test_quiet_says_no_device(model_folder: Path, tmp_path: Path) -> None:
    from mind_sft_select.pipeline import run_selection

    (tmp_path / "in.jsonl").write_bytes(encode({"messages": [user("1"), assistant("numbers")]}))
    recipe, plugins = effective_recipe(None, {"quantile": (0.0, 1.0)}, []), make_plugins()
    config = make_config(
        recipe, plugins, model=str(model_folder), device="auto", mark=False, seed=0
    )
    options = StreamOptions((str(tmp_path / "in.jsonl"),), tmp_path / "out", quiet=True)
    summary = run_selection(config, recipe, plugins, options)
    import torch

    assert summary.details["model"]["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
