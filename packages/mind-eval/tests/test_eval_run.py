"""A whole run: lm-eval's schema, accuracies to be counted by hand, the same bytes twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mind_core.errors import GateError, MindError, UsageError
from mind_core.testing import run_tool
from mind_eval.benchmarks.rows import read_rows
from mind_eval.builtins import FOLDER
from mind_eval.results import read_items, read_scores

if TYPE_CHECKING:
    from mind_eval.pipeline import RunOptions

HELDOUT = (
    '{"text":"水的沸点是一百度。","source":"a","metadata":{"lang":"zh"}}\n'
    '{"text":"Water boils at a hundred degrees.","source":"b"}\n'
)


def run(model: Path, output: Path | None, *, names: tuple[str, ...] = (), **more: Any) -> Any:
    from mind_eval.cli import make_plugins
    from mind_eval.pipeline import RunOptions, run_scores
    from mind_eval.suites import suite_recipe

    form, shots, suite = more.pop("form", None), more.pop("shots", None), more.pop("suite", None)
    options: RunOptions = RunOptions(
        model=str(model), output=output, shots=shots, progress=False, **more
    )
    return run_scores(options, suite_recipe(suite, names, shots, form), make_plugins())


@pytest.fixture(scope="module")
def scores_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "heldout.jsonl").write_text(HELDOUT)
    run(model_folder, folder / "scores", heldout=(str(folder / "heldout.jsonl"),), limit=30)
    return folder / "scores"


def test_the_suite_has_both_languages_and_every_accuracy_its_error(scores_folder: Path) -> None:
    scores = read_scores(scores_folder)
    languages = {about["language"] for about in scores["benchmarks"].values()}
    assert languages == {"zh", "en"} == set(scores["heldout"]["languages"])
    for values in scores["results"].values():
        assert values["sample_len"] == 30
        for metric in ("acc", "acc_norm", "acc_bytes"):
            value, error = values[f"{metric},none"], values[f"{metric}_stderr,none"]
            # the error of a mean of zeros and ones, with n - 1
            assert error == pytest.approx((value * (1 - value) / 29) ** 0.5)
    assert scores["config"]["model_sha"] == scores["model"]["fingerprint"]
    for key in ("configs", "versions", "n-shot", "higher_is_better", "n-samples", "max_length"):
        assert key in scores, f"lm-eval's schema has {key}"


def test_accuracy_equals_a_count_by_hand(scores_folder: Path) -> None:
    scores, items = read_scores(scores_folder), read_items(scores_folder)
    for name in ("piqa", "mmlu", "gaokao"):
        rows = {row["id"]: row for row in read_rows(FOLDER / name / "test.jsonl.zst")}
        right = right_norm = 0
        mine = [item for item in items if item["task"] == name]
        assert len(mine) == 30
        for item in mine:
            row = rows[item["id"].removeprefix(f"{name}/")]
            logprobs = [answer[0] for answer in item["answers"]]
            by_character = [
                value / len(choice) for value, choice in zip(logprobs, row["choices"], strict=True)
            ]
            right += logprobs.index(max(logprobs)) == row["answer"]
            right_norm += by_character.index(max(by_character)) == row["answer"]
        assert scores["results"][name]["acc,none"] == pytest.approx(right / 30)
        assert scores["results"][name]["acc_norm,none"] == pytest.approx(right_norm / 30)


def test_an_item_equals_the_log_probability_of_its_prompt(
    scores_folder: Path, model_folder: Path
) -> None:
    import torch

    from mind_train import load_checkpoint

    checkpoint = load_checkpoint(model_folder)
    item = next(item for item in read_items(scores_folder) if item["task"] == "piqa")
    row = read_rows(FOLDER / "piqa" / "test.jsonl.zst")[item["doc_id"]]
    encode, width = checkpoint.tokenizer.encode, checkpoint.context + 1
    context = encode(f"Question: {row['goal']}\nAnswer:")
    for choice, (logprob, _) in zip(row["choices"], item["answers"], strict=True):
        whole = encode(f"Question: {row['goal']}\nAnswer: {choice}")
        kept = whole[-width:]
        scored = len(whole) - len(context)
        with torch.no_grad():
            logits = checkpoint.model.logits(checkpoint.model(torch.tensor([kept[:-1]])))[0]
        losses = logits.log_softmax(-1)[torch.arange(len(kept) - 1), torch.tensor(kept[1:])]
        assert logprob == pytest.approx(float(losses[-scored:].sum()), abs=1e-3)


def test_the_same_run_gives_the_same_bytes_and_a_smaller_one_the_same_items(
    scores_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    heldout = (str(scores_folder.parent / "heldout.jsonl"),)
    run(model_folder, tmp_path / "again", heldout=heldout, limit=30)
    for name in ("scores.json", "items.jsonl.zst"):
        assert (tmp_path / "again" / name).read_bytes() == (scores_folder / name).read_bytes()
    run(model_folder, tmp_path / "few", names=("gaokao",), form="cloze", shots=2, limit=8)
    few = read_items(tmp_path / "few")
    assert [item["id"] for item in few] == [
        item["id"] for item in read_items(scores_folder) if item["task"] == "gaokao"
    ][:8]
    whole = {item["id"]: item for item in read_items(scores_folder)}
    assert all(item["prompt_hash"] == whole[item["id"]]["prompt_hash"] for item in few)


def test_what_cannot_work_fails_before_anything_is_read(
    scores_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no benchmark 'piqua'") as error:
        run(Path("nowhere"), None, names=("piqua",))
    assert "piqa" in str(error.value.hint)
    with pytest.raises(UsageError, match="refuses its options") as error:
        run(Path("nowhere"), None, names=("piqa",), form="essay")
    assert "known: cloze, letter" in str(error.value.cause)
    with pytest.raises(MindError, match="exists and is complete"):
        run(Path("nowhere"), scores_folder, names=("piqa",))
    with pytest.raises(MindError, match="no complete checkpoint"):
        run(tmp_path, None, names=("piqa",))
    with pytest.raises(UsageError, match="nothing to measure"):
        run(Path("nowhere"), None, suite="none")
    with pytest.raises(UsageError, match="--data-root .*gone is no folder"):
        run(model_folder, None, names=("piqa",), data_root=tmp_path / "gone")
    with pytest.raises(MindError, match="cannot read .*gone"):
        run(Path("nowhere"), None, names=("piqa",), contamination=(tmp_path / "gone",))
    for gate in ("pqa>=0.3", "heldout.zh.bits_per_byte<=3", "average.Chinese>=0.2",
                 "piqa.exact_match>=0", "piqa.>=0"):  # fmt: skip
        given = ["--model", "nowhere", "--benchmark", "piqa", "--require", gate]
        done = run_tool("mind-eval", ["run", *given])
        assert done.code == 2 and "nothing will be measured" in done.stderr, gate
        assert "piqa" in done.stderr.partition("hint:")[2]


def test_a_sample_that_stands_in_for_a_given_root_is_told(
    model_folder: Path, tmp_path: Path
) -> None:
    given = ["--model", model_folder, "--benchmark", "piqa", "--limit", "2"]
    done = run_tool("mind-eval", ["run", *given, "--data-root", tmp_path])
    assert done.code == 0 and "piqa: the shipped sample" in done.stderr
    assert "shipped sample" not in run_tool("mind-eval", ["run", *given]).stderr


def test_a_dry_run_finds_what_is_not_there_and_prints_the_plan(
    scores_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    from mind_core.recipe import parse_recipe
    from mind_eval.cli import make_plugins
    from mind_eval.pipeline import RunOptions, describe_run
    from mind_eval.suites import suite_recipe

    heldout = (str(scores_folder.parent / "heldout.jsonl"),)
    nowhere, recipe = tmp_path / "nowhere", suite_recipe(None, (), None, None)

    def plan(model: Path = model_folder, **more: Any) -> str:
        return describe_run(RunOptions(model=str(model), **more), recipe, make_plugins())

    plan_text = plan(heldout=heldout)
    assert f"# model: {model_folder}, step 1\n" in plan_text
    assert "# benchmark piqa: shipped data\n" in plan_text and heldout[0] in plan_text
    assert parse_recipe(plan_text, "printed").values == recipe.values
    with pytest.raises(MindError, match="no complete checkpoint"):
        plan(nowhere)
    with pytest.raises(MindError, match="cannot read"):
        plan(heldout=(str(nowhere),))
    with pytest.raises(UsageError, match="no task file"):
        plan(tasks=(nowhere,))


def test_chance_stands_beside_each_accuracy(scores_folder: Path) -> None:
    from mind_eval.table import scores_table

    scores = read_scores(scores_folder)
    for name in ("piqa", "mmlu", "gaokao"):
        rows = read_rows(FOLDER / name / "test.jsonl.zst")[:30]
        wanted = sum(1 / len(row["choices"]) for row in rows) / 30
        assert scores["benchmarks"][name]["chance"] == pytest.approx(wanted)
        (line,) = (
            line for line in scores_table(scores).splitlines()
            if line.startswith(name) and " acc " in line
        )  # fmt: skip
        assert line.split()[-5] == f"{wanted:.4f}"


def test_a_generation_task_runs_through_the_same_door(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("question,answer\n1+1=,2\n2+2=,4\n")
    (tmp_path / "sums.yaml").write_text(
        "task: sums\noutput_type: generate_until\ndataset_path: csv\n"
        "dataset_kwargs: {data_files: {test: rows.csv}}\ntest_split: test\n"
        'doc_to_text: "{{question}}"\ndoc_to_target: "{{answer}}"\n'
        'generation_kwargs: {until: ["\\n"], max_gen_toks: 4}\n'
        "metric_list:\n  - {metric: exact_match, aggregation: mean, higher_is_better: true}\n"
    )
    scores = run(model_folder, None, suite="none", tasks=(tmp_path / "sums.yaml",), shots=1)
    assert set(scores["results"]) == {"sums"}
    assert scores["benchmarks"]["sums"]["shots"]["kept"] == {"1": 2}
    assert 0.0 <= scores["results"]["sums"]["exact_match,none"] <= 1.0
    assert scores["benchmarks"]["sums"]["chance"] is None


def test_the_command_prints_writes_holds_gates_and_leaves_no_cache(
    scores_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    heldout = scores_folder.parent / "heldout.jsonl"
    done = run_tool(
        "mind-eval",
        ["run", "--model", model_folder, "--benchmark", "piqa", "--limit", "4", "--heldout",
         heldout, "-o", "scores", "--require", "piqa.acc>=0", "--require",
         "heldout.zh.bits_per_byte<=0.01"],
        folder=tmp_path,
        environment={"HOME": str(home), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.code == 3, done.stderr
    assert "heldout.zh.bits_per_byte is" in done.stderr and "required is <=0.01" in done.stderr
    table = done.stdout.decode()
    assert "bits/byte" in table and "piqa" in table and "acc_norm" in table
    assert read_scores(tmp_path / "scores")["n-samples"]["piqa"]["effective"] == 4
    assert list(home.rglob("*")) == [], "nothing is written to a user's cache"


def test_gates_name_what_was_missed_and_what_is_unknown(scores_folder: Path) -> None:
    from mind_eval.gates import check_gates, metrics_of, parse_gate

    scores = read_scores(scores_folder)
    flat = metrics_of(scores)
    assert flat["piqa.acc"] == scores["results"]["piqa"]["acc,none"]
    assert flat["heldout.all.bits_per_byte"] == scores["heldout"]["all"]["bits_per_byte"]
    check_gates([parse_gate("piqa.acc >= 0"), parse_gate("heldout.en.nats_per_token<1e3")], scores)
    with pytest.raises(GateError, match=r"piqa.acc is 0.\d+, required is >1"):
        check_gates([parse_gate("piqa.acc>1")], scores)
    with pytest.raises(UsageError, match="nothing was measured") as error:
        check_gates([parse_gate("piqa.ac>=0")], scores)
    assert "piqa.acc" in str(error.value.hint)
    for text in ("piqa.acc", "piqa.acc=0.5", "piqa.acc>=half", ">=1", "a>=1e"):
        with pytest.raises(UsageError, match="--require"):
            parse_gate(text)


def test_compare_is_exact_and_paired(
    scores_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    from scipy.stats import binomtest

    from mind_eval.compare import compare, compare_table
    from mind_eval.significance import holm, mcnemar, paired_bootstrap, wilson

    for b, c in ((0, 0), (0, 5), (3, 9), (10, 10), (40, 70), (700, 900)):
        expected = binomtest(b, b + c).pvalue if b + c else 1.0
        assert mcnemar(b, c) == pytest.approx(expected, rel=1e-9)
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    low, high = paired_bootstrap(10, 30, 200)
    assert low == pytest.approx(0.1 - 1.96 * 0.0311, abs=0.01)  # sd of the mean of +1, -1 and 0
    assert high == pytest.approx(0.1 + 1.96 * 0.0311, abs=0.01)
    assert paired_bootstrap(0, 0, 50) == (0.0, 0.0)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-3)
    run(model_folder, tmp_path / "b", names=("piqa", "gaokao"), form="letter", shots=1, limit=25)
    rows = compare([scores_folder, tmp_path / "b"])
    piqa = next(row for row in rows if row["what"] == "piqa" and row["metric"] == "acc")
    assert piqa["items"] == 25 and piqa["other_prompts"] == 25
    sides = [
        {item["id"]: item["metrics"]["acc"] for item in read_items(folder)}
        for folder in (scores_folder, tmp_path / "b")
    ]
    keys = [key for key in sides[1] if key.startswith("piqa/")]
    assert piqa["only_a"] == sum(sides[0][k] > sides[1][k] for k in keys)
    assert piqa["only_b"] == sum(sides[0][k] < sides[1][k] for k in keys)
    assert piqa["difference"] == pytest.approx(piqa["value_b"] - piqa["value_a"])
    low, high = piqa["interval"]
    assert low <= piqa["difference"] <= high and piqa["detectable"] > 0
    assert piqa["p_holm"] >= piqa["p"] and "mmlu" not in {row["what"] for row in rows}
    assert "p (Holm)" in compare_table(rows)
    whole = read_scores(scores_folder)["n-samples"]["piqa"]["effective"]
    assert piqa["unpaired"] == [whole - 25, 0]
    assert f"lacks them: {whole - 25} items of A, 0 of B" in compare_table(rows)
    assert "piqa: 25 items were asked with other prompts" in compare_table(rows)
    same = compare([scores_folder, scores_folder])
    assert {row["difference"] for row in same} == {0.0}
    assert json.dumps(rows)
    with pytest.raises(UsageError, match="two or more"):
        compare([scores_folder])


def test_other_texts_and_other_items_are_not_compared(scores_folder: Path, tmp_path: Path) -> None:
    import shutil

    from mind_core.files import read_json, write_json
    from mind_core.output import write_records
    from mind_eval.compare import compare, compare_table

    other = tmp_path / "other"
    shutil.copytree(scores_folder, other)
    scores = read_json(other / "scores.json")
    scores["heldout"]["languages"]["zh"]["bytes"] += 1
    write_json(other / "scores.json", scores)
    items = read_items(scores_folder)
    items[0]["doc_hash"] = "of another text under the same name"
    (other / "items.jsonl.zst").unlink()
    write_records(other / "items.jsonl.zst", items)
    rows = {(row["what"], row["metric"]): row for row in compare([scores_folder, other])}
    assert rows["heldout zh", "bits_per_byte"]["difference"] is None
    assert rows["heldout en", "bits_per_byte"]["difference"] == 0.0
    assert rows[items[0]["task"], "acc"]["unpaired"] == [1, 1]
    assert "zh: A and B read other texts" in compare_table(list(rows.values()))


def test_a_form_is_for_those_of_a_suite_that_have_it() -> None:
    from mind_eval.cli import make_plugins
    from mind_eval.suites import averages_of, make_benchmarks, suite_recipe

    recipe = suite_recipe("mindllm", (), None, "cloze")
    made = make_benchmarks(recipe, make_plugins())
    assert len(made) == 16 and made["mmlu"].form == "cloze"
    assert (made["gsm8k"].form, made["arithmetic"].form) == ("written", "greedy")
    assert {name: one.shots for name, one in made.items()} == {
        "mmlu": 5, "agieval": 4, "ceval": 5, "cmmlu": 4, "arithmetic": 5, "gsm8k": 4, "math": 4,
        "hellaswag": 5, "winogrande": 5, "logiqa": 5, "logiqa_zh": 5, "pubmedqa": 5, "piqa": 5,
        "mathqa": 5, "bbh": 3, "flores": 8,
    }  # fmt: skip
    assert made["mmlu"].measure["average"] == "items", "weighted by questions, as in the paper"
    assert set().union(*averages_of(recipe).values()) <= set(made)
    with pytest.raises(UsageError, match="refuses its options"):
        make_benchmarks(suite_recipe("mindllm", (), None, "essay"), make_plugins())
    with pytest.raises(UsageError, match="refuses its options"):
        make_benchmarks(suite_recipe(None, ("gsm8k",), None, "cloze"), make_plugins())


def test_a_limit_takes_the_first_items_or_spreads_over_all() -> None:
    from mind_eval.prompts.builder import chosen

    assert list(chosen(10, 3, False)) == [0, 1, 2]
    assert list(chosen(10, 3, True)) == [0, 3, 6]
    assert list(chosen(10, None, True)) == list(chosen(10, 99, True)) == list(range(10))
