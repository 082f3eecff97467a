"""The command line of mind-eval: options in, scores out. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import typer

from mind_core import options
from mind_core.cli import epilog, help_text, run, write_out
from mind_eval import cli_options
from mind_eval.cli_app import TOOL, app, make_plugins

if TYPE_CHECKING:
    from mind_eval.gates import Gate

__all__ = ["app", "main", "make_plugins"]


@app.command(
    "run",
    help=help_text(
        "Measure a checkpoint and print a table. Nothing is downloaded, unless --hub allows it.",
        (
            "mind-eval run --model run/ --heldout heldout.jsonl.zst -o scores/",
            "mind-eval run --model run/ --suite none --heldout a.jsonl.zst "
            "--require 'heldout.zh.bits_per_byte<=3.5'",
            "torchrun --nproc-per-node 2 -m mind_eval run --model run/ --benchmark mmlu "
            "--data-root benchmarks/ -o scores/",
        ),
    ),
    epilog=epilog(
        "Memory: the model, one batch with its keys and values, scores of 512 positions over "
        "16,384 entries of the vocabulary, and the items of all tasks. The scores depend on "
        "neither other tasks, nor their order, nor the number of ranks."
    ),
)
def run_command(
    model: cli_options.Model,
    suite: cli_options.Suite = None,
    benchmark: cli_options.Benchmarks = None,
    own: cli_options.Own = None,
    task: cli_options.Tasks = None,
    hub: cli_options.Hub = False,
    allow_task_code: cli_options.AllowTaskCode = False,
    shots: cli_options.ShotCount = None,
    form: cli_options.Form = None,
    chat: cli_options.Chat = None,
    max_new_tokens: cli_options.MaxNewTokens = None,
    math: cli_options.Math = None,
    spm: cli_options.Spm = None,
    metrics: cli_options.Metrics = None,
    heldout: cli_options.HeldOut = None,
    overlap: cli_options.Overlap = None,
    data_root: cli_options.DataRoot = None,
    limit: cli_options.Limit = None,
    spread: cli_options.Spread = False,
    require: cli_options.Require = None,
    output: cli_options.Output = None,
    answers: cli_options.Answers = None,
    contamination: cli_options.Contamination = None,
    keep_going: cli_options.KeepGoing = False,
    explain: cli_options.Explain = None,
    seed: options.Seed = 0,
    batch_tokens: cli_options.BatchTokens = 8192,
    device: cli_options.Device = "auto",
    dtype: cli_options.Dtype = "float32",
    model_name: cli_options.ModelName = None,
    timeout: cli_options.Timeout = 60.0,
    api: cli_options.Api = "completions",
    api_key_env: cli_options.ApiKeyEnv = None,
    concurrency: cli_options.Concurrency = 1,
    plugin: options.PluginFiles = None,
    print_recipe: options.PrintRecipe = False,
    dry_run: options.DryRun = False,
    progress: options.ShowProgress = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put the options together, run, print, and hold the gates."""
    from mind_eval.gates import parse_gate
    from mind_eval.options import RunOptions
    from mind_eval.pipeline import describe_run, run_scores
    from mind_eval.suites import NO_SUITE, suite_recipe

    gates = [parse_gate(text) for text in require or ()]
    if suite is None and (task or own) and not benchmark:
        suite = NO_SUITE
    step = None
    if own is not None:
        from mind_eval.benchmarks.own_questions import own_step

        step = own_step(own, form, server=model.startswith(("http://", "https://")))
    recipe = suite_recipe(
        suite, benchmark or (), shots, form, math, metrics, step, max_new_tokens, chat, spm
    )
    if print_recipe:
        write_out(recipe.to_toml())
        return
    asked = RunOptions(
        model=model, model_name=model_name, timeout=timeout, api=api, api_key_env=api_key_env,
        concurrency=concurrency, tasks=tuple(task or ()), hub=hub,
        allow_task_code=allow_task_code,
        shots=shots, heldout=tuple(heldout or ()), overlap=overlap, data_root=data_root,
        limit=limit, spread=spread, seed=seed, batch_tokens=batch_tokens, device=device,
        dtype=dtype, output=output, answers=answers, keep_going=keep_going,
        contamination=tuple(contamination or ()), progress=progress,
        max_new_tokens=max_new_tokens, chat=recipe.values.get("chat"),
    )  # fmt: skip
    plugins = make_plugins(plugin or ())
    if gates:
        from mind_eval.gate_names import check_names

        check_names(gates, recipe, asked, plugins)
    if dry_run:
        write_out(describe_run(asked, recipe, plugins))
        return
    if explain is not None:
        from mind_eval.explain import explain_item

        write_out(explain_item(asked, recipe, plugins, explain))
        return
    scores = run_scores(asked, recipe, plugins)
    if scores is not None:  # only the first rank has them
        _show(scores, json, quiet)
        _judge(gates, scores)


def _show(scores: Mapping[str, Any], json: bool, quiet: bool) -> None:
    """Print scores as a table or as JSON."""
    if json:
        write_out(orjson.dumps(scores, option=orjson.OPT_INDENT_2).decode() + "\n")
    elif not quiet:
        from mind_eval.table import scores_table

        write_out(scores_table(scores))


def _judge(gates: Sequence[Gate], scores: Mapping[str, Any]) -> None:
    """Hold the gates; then say what was set aside, which is a failure of the run."""
    from mind_eval.gates import check_complete, check_gates

    check_gates(gates, scores)
    check_complete(scores)


@app.command(
    "score",
    help=help_text(
        "Score a run again from its answer log, without the model: after a change of an extractor, "
        "a metric or a category.",
        (
            "mind-eval score scores.answers/ -o scores-2/",
            "mind-eval score scores.answers/ --data-root benchmarks/ --json",
            "mind-eval score scores.answers/ --require 'gsm8k>=0.02'",
        ),
    ),
    epilog=epilog("Memory: the answers of all benchmarks, and the items of one."),
)
def score_command(
    folder: cli_options.AnswerFolder,
    output: cli_options.Output = None,
    data_root: cli_options.DataRoot = None,
    require: cli_options.Require = None,
    contamination: cli_options.Contamination = None,
    math: cli_options.Math = None,
    spm: cli_options.Spm = None,
    metrics: cli_options.Metrics = None,
    plugin: options.PluginFiles = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Read the log, measure, print, and hold the gates."""
    from mind_eval.gates import parse_gate
    from mind_eval.rescoring import score_log

    gates = [parse_gate(text) for text in require or ()]
    scores = score_log(
        folder,
        data_root,
        make_plugins(plugin or ()),
        output,
        tuple(contamination or ()),
        math,
        metrics,
        spm,
    )
    _show(scores, json, quiet)
    _judge(gates, scores)


def other_apps() -> dict[str, typer.Typer]:
    """Let the verbs that ask no model hang themselves on the app."""
    from mind_eval import cli_verbs  # noqa: F401

    return {}


def main() -> None:
    """Run mind-eval."""
    other_apps()
    run(app, TOOL)
