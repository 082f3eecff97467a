"""The door of mind-eval: options in, scores out. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Optional

import orjson
import typer

from mind_core import options
from mind_core.cli import add_front_door, epilog, help_text, new_app, run, write_out
from mind_core.plugins import Plugins

TOOL = "mind-eval"
WHAT = (
    "Score a language model checkpoint, offline: bits per byte of held-out text by language, and "
    "benchmarks through lm-eval."
)
EXAMPLES = (
    "mind-eval run --model run/ --heldout heldout.jsonl.zst -o scores/",
    "mind-eval run --model run/ --benchmark piqa --benchmark gaokao --shots 2 --form cloze",
    "mind-eval compare scores-a/ scores-b/",
)

app = new_app()

# typer reads these at run time, so the annotations keep Optional spelled out for it.
Model = Annotated[
    str, typer.Option("--model", metavar="FOLDER", help="A mind-train run, or one checkpoint.")
]
Suite = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--suite",
        metavar="NAME|FILE",
        help="Benchmarks with their options, from a TOML recipe; 'none' runs none. "
        "Default: mindllm-ci.",
        show_default=False,
    ),
]
Benchmarks = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--benchmark", metavar="NAME", help="A benchmark instead of a suite; repeatable."),
]
Tasks = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option(
        "--task", metavar="FILE.yaml", help="An lm-eval task with data on this disk; repeatable."
    ),
]
ShotCount = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--shots", metavar="N", min=0, help="Examples before each question; those that do not fit "
        "the context are dropped, and counted.", show_default=False,
    ),
]  # fmt: skip
Form = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--form",
        metavar="letter|cloze",
        help="Answer with the letter, or with the text of the choice.",
        show_default=False,
    ),
]
HeldOut = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--heldout", metavar="FILE", help="Records with text to measure; repeatable."),
]
Overlap = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--overlap",
        metavar="N",
        min=1,
        help="Tokens that a window of held-out text reads again. Default: half of the context.",
        show_default=False,
    ),
]
DataRoot = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--data-root",
        metavar="FOLDER",
        envvar="MIND_DATA_ROOT",
        show_envvar=False,
        help="Full benchmarks as their authors lay them out; without it, the shipped samples.",
    ),
]
Require = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--require",
        metavar="METRIC<=X",
        help="Exit 3 unless it holds: heldout.zh.bits_per_byte<=3.5, piqa.acc>=0.5; repeatable.",
    ),
]
Output = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--output", metavar="FOLDER", help="Write scores.json and the items here."),
]
BatchTokens = Annotated[
    int,
    typer.Option("--batch-tokens", metavar="N", min=1, help="Tokens in one batch, with padding."),
]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="cpu, cuda or cuda:1.")]
Limit = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--limit", metavar="N", min=1, help="Only the first N items of each task and the first N "
        "held-out records.",
    ),
]  # fmt: skip
Runs = Annotated[
    list[Path], typer.Argument(metavar="FOLDER FOLDER...", help="Scores folders; the first is A.")
]

RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER",
        help="Holds NAME.summary.json, NAME.rejects.jsonl.zst, training runs and scores.",
    ),
]


def make_plugins(files: Sequence[str | Path] = ()) -> Plugins:
    """Load the built-ins and the given plugin files; installed plugins wait to be asked for."""
    from mind_eval import builtins, hookspecs

    return Plugins("mind_eval", hookspecs, builtins, files)


add_front_door(app, TOOL, make_plugins, WHAT, EXAMPLES)


@app.command(
    "run",
    help=help_text(
        "Measure a checkpoint and print a table. Nothing is downloaded.",
        (
            "mind-eval run --model run/ --heldout heldout.jsonl.zst -o scores/",
            "mind-eval run --model run/ --suite none --heldout a.jsonl.zst "
            "--require 'heldout.zh.bits_per_byte<=3.5'",
            "mind-eval run --model run/ --benchmark mmlu --data-root benchmarks/ --shots 5",
        ),
    ),
    epilog=epilog(
        "Memory: the model, one batch (hidden states, and scores of 512 positions over the "
        "vocabulary), and the items of all tasks. The scores depend on neither the limit of other "
        "tasks nor their order."
    ),
)
def run_command(
    model: Model,
    suite: Suite = None,
    benchmark: Benchmarks = None,
    task: Tasks = None,
    shots: ShotCount = None,
    form: Form = None,
    heldout: HeldOut = None,
    overlap: Overlap = None,
    data_root: DataRoot = None,
    limit: Limit = None,
    require: Require = None,
    output: Output = None,
    seed: options.Seed = 0,
    batch_tokens: BatchTokens = 8192,
    device: Device = "cpu",
    plugin: options.PluginFiles = None,
    print_recipe: options.PrintRecipe = False,
    dry_run: options.DryRun = False,
    progress: options.ShowProgress = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put the options together, run, print, and hold the gates."""
    from mind_eval.gates import check_gates, parse_gate
    from mind_eval.pipeline import RunOptions, describe_run, run_scores
    from mind_eval.suites import NO_SUITE, suite_recipe

    gates = [parse_gate(text) for text in require or ()]
    if suite is None and task and not benchmark:
        suite = NO_SUITE
    recipe = suite_recipe(suite, benchmark or (), shots, form)
    if print_recipe:
        write_out(recipe.to_toml())
        return
    asked = RunOptions(
        model=model,
        tasks=tuple(task or ()),
        shots=shots,
        heldout=tuple(heldout or ()),
        overlap=overlap,
        data_root=data_root,
        limit=limit,
        seed=seed,
        batch_tokens=batch_tokens,
        device=device,
        output=output,
        progress=progress,
    )
    if dry_run:
        write_out(describe_run(asked, recipe, make_plugins(plugin or ())))
        return
    scores = run_scores(asked, recipe, make_plugins(plugin or ()))
    if json:
        write_out(orjson.dumps(scores, option=orjson.OPT_INDENT_2).decode() + "\n")
    elif not quiet:
        from mind_eval.table import scores_table

        write_out(scores_table(scores))
    check_gates(gates, scores)


@app.command(
    "compare",
    help=help_text(
        "Compare scores of the same items: exact McNemar test for right or wrong answers, with "
        "Holm's correction.",
        (
            "mind-eval compare scores-a/ scores-b/",
            "mind-eval compare base/ sft/ longer-sft/",
            "mind-eval compare --json a/ b/ | jq .",
        ),
    ),
    epilog=epilog("Memory: the items of two folders."),
)
def compare_command(folders: Runs, json: options.Json = False) -> None:
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
        "curves, scores, samples. What is not there is left out.",
        (
            "mind-eval report run/ -o report.html",
            "mind-eval report run/ -o report.html --title 'A first corpus'",
            "mind-clean … --rejects run/1-clean.rejects.jsonl.zst "
            "--summary run/1-clean.summary.json",
        ),
    ),
    epilog=epilog("Memory: three examples of each reason; streams are read through."),
)
def report_command(
    folder: RunFolder,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The page to write.")
    ] = Path("report.html"),
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="The page's heading.")
    ] = "From web pages to a small language model",
) -> None:
    """Write the page of a run folder."""
    from mind_core.progress import say
    from mind_eval.report.run_report import write_report

    headings = write_report(folder, output, title)
    say(TOOL, f"{output}: {', '.join(headings)}")


def main() -> None:
    """Run mind-eval."""
    run(app, TOOL)
