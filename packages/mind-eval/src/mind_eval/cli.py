"""The door of mind-eval: options in, scores out. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from mind_core import options
from mind_core.cli import add_front_door, epilog, help_text, new_app, run, write_out
from mind_core.plugins import Plugins
from mind_eval import cli_options

if TYPE_CHECKING:
    from mind_eval.gates import Gate

TOOL = "mind-eval"
FIRST_TITLE = "From web pages to a small language model"
WHAT = (
    "Score a language model, offline: bits per byte of held-out text by language, and the "
    "benchmarks of the MindLLM paper, each shared beginning read once."
)
EXAMPLES = (
    "mind-eval run --model run/ --heldout heldout.jsonl.zst -o scores/",
    "mind-eval run --model run/ --suite mindllm --data-root benchmarks/ --form cloze -o scores/",
    "mind-eval compare scores-a/ scores-b/",
)

app = new_app()


def make_plugins(files: Sequence[str | Path] = ()) -> Plugins:
    """Load the built-ins and the given plugin files; installed plugins wait to be asked for."""
    from mind_eval import builtins, hookspecs

    return Plugins("mind_eval", hookspecs, builtins, files)


add_front_door(app, TOOL, make_plugins, WHAT, EXAMPLES)


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
    task: cli_options.Tasks = None,
    hub: cli_options.Hub = False,
    shots: cli_options.ShotCount = None,
    form: cli_options.Form = None,
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
    if suite is None and task and not benchmark:
        suite = NO_SUITE
    recipe = suite_recipe(suite, benchmark or (), shots, form)
    if print_recipe:
        write_out(recipe.to_toml())
        return
    asked = RunOptions(
        model=model, model_name=model_name, timeout=timeout, tasks=tuple(task or ()), hub=hub,
        shots=shots, heldout=tuple(heldout or ()), overlap=overlap, data_root=data_root,
        limit=limit, spread=spread, seed=seed, batch_tokens=batch_tokens, device=device,
        dtype=dtype, output=output, answers=answers, keep_going=keep_going,
        contamination=tuple(contamination or ()), progress=progress,
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
    plugin: options.PluginFiles = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Read the log, measure, print, and hold the gates."""
    from mind_eval.gates import parse_gate
    from mind_eval.rescoring import score_log

    gates = [parse_gate(text) for text in require or ()]
    scores = score_log(
        folder, data_root, make_plugins(plugin or ()), output, tuple(contamination or ())
    )
    _show(scores, json, quiet)
    _judge(gates, scores)


@app.command(
    "doctor",
    help=help_text(
        "Say which benchmarks are there, whole or not, and where their authors publish the others.",
        (
            "mind-eval doctor --data-root benchmarks/",
            "mind-eval doctor --data-root benchmarks/ --suite mindllm",
            "mind-eval doctor --data-root benchmarks/ --json | jq .",
        ),
    ),
    epilog=epilog("Memory: the rows of one benchmark. Exits 1 if anything is missing or broken."),
)
def doctor_command(
    data_root: cli_options.DataRoot = None,
    suite: cli_options.Suite = None,
    plugin: options.PluginFiles = None,
    json: options.Json = False,
) -> None:
    """Look at the data of each benchmark."""
    from mind_eval.doctor import doctor_table, examine

    found = examine(data_root, suite, make_plugins(plugin or ()))
    if json:
        write_out(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        write_out(doctor_table(found))
    if any(one["state"] not in ("whole", "sample") for one in found):
        raise typer.Exit(1)


@app.command(
    "compare",
    help=help_text(
        "Compare scores of the same items: exact McNemar test with Holm's correction, the paired "
        "bootstrap's interval of the difference, and the smallest difference that so many items "
        "would show.",
        (
            "mind-eval compare scores-a/ scores-b/",
            "mind-eval compare base/ sft/ longer-sft/",
            "mind-eval compare --json a/ b/ | jq .",
        ),
    ),
    epilog=epilog("Memory: the items of two folders."),
)
def compare_command(folders: cli_options.Runs, json: options.Json = False) -> None:
    """Compare the first folder with each of the others."""
    from mind_eval.compare import compare, compare_table

    rows = compare(folders)
    if json:
        write_out(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        write_out(compare_table(rows))


@app.command(
    "report",
    help=help_text(
        "Tell a whole run folder on one self-contained page: what was dropped and why, loss "
        "curves, scores, samples; or set scores folders side by side: intervals, curves over "
        "checkpoints, every item.",
        (
            "mind-eval report run/ -o report.html",
            "mind-eval report scores-100/ scores-200/ scores-300/ -o scores.html",
            "mind-clean … --rejects run/1-clean.rejects.jsonl.zst "
            "--summary run/1-clean.summary.json",
        ),
    ),
    epilog=epilog("Memory: three examples of each reason; streams are read through."),
)
def report_command(
    folders: cli_options.ReportFolders,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The page to write.")
    ] = Path("report.html"),
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="The page's heading.")] = "",
) -> None:
    """Write the page of a run folder."""
    from mind_core.progress import say
    from mind_eval.report.many_runs import are_scores, write_runs
    from mind_eval.report.run_report import write_report

    if len(folders) > 1 or are_scores(folders):
        headings = write_runs(folders, output, title or "Scores side by side")
    else:
        headings = write_report(folders[0], output, title or FIRST_TITLE)
    say(TOOL, f"{output}: {', '.join(headings)}")


def main() -> None:
    """Run mind-eval."""
    run(app, TOOL)
