"""The verbs of mind-eval that ask no model: doctor, conform, compare, forgetting, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import orjson
import typer

from mind_core import options
from mind_core.cli import epilog, help_text, write_out
from mind_core.errors import UsageError
from mind_core.untrusted import as_written
from mind_eval import cli_options
from mind_eval.cli_app import TOOL, app, make_plugins

FIRST_TITLE = "From web pages to a small language model"


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
    """Check that the data of each benchmark are there and whole."""
    from mind_eval.doctor import doctor_table, examine

    found = examine(data_root, suite, make_plugins(plugin or ()))
    if json:
        write_out(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        write_out(doctor_table(found))
    if any(one["state"] not in ("whole", "sample") for one in found):
        raise typer.Exit(1)


@app.command(
    "conform",
    help=help_text(
        "Check that prompts are their authors' to the byte, and that what others wrote gets the "
        "scores that they published: expected, got and source, a row each.",
        (
            "mind-eval conform",
            "mind-eval conform --data-root benchmarks/ --external published/",
            "mind-eval conform --data-root benchmarks/ --json | jq .",
        ),
    ),
    epilog=epilog("Memory: the rows of one benchmark. Exits 1 if anything differs."),
)
def conform_command(
    data_root: cli_options.DataRoot = None,
    external: cli_options.External = None,
    json: options.Json = False,
) -> None:
    """Make the checks and print them."""
    from dataclasses import asdict

    from mind_eval.conform.checks import conform_table
    from mind_eval.conform.published import run_checks

    checks = run_checks(data_root, external)
    if json:
        rows = [{**asdict(check), "state": check.state} for check in checks]
        write_out(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        write_out(conform_table(checks))
    if any(check.state == "DIFFERS" for check in checks):
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

    with as_written(", ".join(map(str, folders))):
        rows = compare(folders)
    if json:
        write_out(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        write_out(compare_table(rows))


@app.command(
    "forgetting",
    help=help_text(
        "Say what a model lost and what it gained between two checkpoints, before and after "
        "fine-tuning or continued pretraining: held-out text by language and source, and "
        "benchmarks, paired, with intervals.",
        (
            "mind-eval forgetting scores-base/ scores-sft/",
            "mind-eval forgetting scores-base/ scores-law/ -o lost.html --language zh",
            "mind-eval forgetting --json scores-base/ scores-sft/ | jq .",
        ),
    ),
    epilog=epilog("Memory: the items of two folders."),
)
def forgetting_command(
    before: cli_options.Before,
    after: cli_options.After,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            callback=options.only_html,
            help="Write a page as well.",
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="The page's heading.")] = "",
    language: Annotated[
        str, typer.Option("--language", metavar="en|zh", help="The page's language.")
    ] = "en",
    json: options.Json = False,
) -> None:
    """Compare two scores folders, print, and write the page."""
    from mind_core.output import check_distinct
    from mind_eval.forgetting import forgetting, forgetting_table
    from mind_eval.report.forgetting import write_forgetting
    from mind_eval.report.words import LANGUAGES

    if language not in LANGUAGES:
        raise UsageError(f"there is no --language {language!r}", hint="en or zh")
    check_distinct([before, after], output)
    rows = forgetting(before, after)
    if output is not None:
        write_forgetting(rows, (before.name, after.name), output, title, language)
    if json:
        write_out(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        write_out(forgetting_table(rows))


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
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", callback=options.only_html, help="The page to write."
        ),
    ] = Path("report.html"),
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="The page's heading.")] = "",
    language: Annotated[
        str,
        typer.Option("--language", metavar="en|zh", help="The page's language."),
    ] = "en",
) -> None:
    """Write the page of a run folder."""
    from mind_core.output import check_distinct
    from mind_core.progress import log
    from mind_eval.report.comparison import are_scores, write_runs
    from mind_eval.report.run_report import write_report
    from mind_eval.report.words import LANGUAGES

    if language not in LANGUAGES:
        raise UsageError(f"there is no --language {language!r}", hint="en or zh")
    check_distinct(folders, output)
    if len(folders) > 1 or are_scores(folders):
        headings = write_runs(folders, output, title or "Scores side by side", language)
    else:
        headings = write_report(folders[0], output, title or FIRST_TITLE, language)
    log(TOOL, f"{output}: {', '.join(headings)}")
