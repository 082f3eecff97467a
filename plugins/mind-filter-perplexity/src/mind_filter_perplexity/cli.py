"""`mind-filter-perplexity tune`: from good and bad texts to bounds for the filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import options
from mind_core.cli import EXIT_CODES, help_text, new_app, run, write_out
from mind_core.errors import UsageError

TOOL = "mind-filter-perplexity"
WHAT = (
    "Tune the bounds of the filter `perplexity` for a checkpoint: by language, on one half of the "
    "texts; the other half says what they keep and drop."
)
EXAMPLES = (
    f"{TOOL} tune --model run/ --good books.zst --bad crawl.zst -o bounds/",
    f"{TOOL} tune --model run/ --good books.zst --keep 0.95 --measure bits_per_byte -o bounds/",
    "mind-clean --step perplexity --set perplexity.model=run/ "
    "--set perplexity.thresholds=bounds/ in.zst -o out.zst",
)
COST = "Memory: the model, and 16 bytes a text. The same texts give the same bounds in any order."
_HEAD = ("language", "good", "bad", "max", "median good", "median bad", "good kept", "bad dropped")

app = new_app()


@app.callback()
def front_door() -> None:
    """Make bounds for the filter `perplexity` of mind-clean."""


@app.command("tune", help=help_text(WHAT, EXAMPLES), epilog=f"{EXIT_CODES}\n\n{COST}")
def tune_command(
    model: Annotated[
        str, typer.Option("--model", metavar="FOLDER", help="A run of mind-train, or a checkpoint.")
    ],
    good: Annotated[
        list[str], typer.Option("--good", metavar="FILE", help="Texts to keep; repeatable.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to make.")
    ],
    bad: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads this at run time
        typer.Option("--bad", metavar="FILE", help="Texts to drop; repeatable."),
    ] = None,
    keep: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            "--keep",
            metavar="SHARE",
            help="Which share of good texts is to stay. Default: where good kept and bad dropped "
            "are largest together.",
        ),
    ] = None,
    measure: Annotated[
        str, typer.Option("--measure", metavar="NAME", help="perplexity, or bits_per_byte.")
    ] = "perplexity",
    max_characters: Annotated[
        int, typer.Option("--max-characters", metavar="N", min=0, help="Of a text; 0 is all.")
    ] = 20_000,
    _fields: options.Fields = None,
) -> None:
    """Tune bounds, and write them with their figures."""
    if keep is not None and not 0 < keep < 1:
        raise UsageError(f"--keep {keep} is no share", hint="0.95, say")
    if keep is None and not bad:
        raise UsageError("without bad texts it is not known where a bound lies", hint="--keep 0.95")
    # torch is imported with these, and takes seconds that `--help` need not wait for.
    from mind_core.files import atomic_folder, check_folder, write_manifest
    from mind_core.render.terminal import align_columns
    from mind_filter_perplexity import thresholds
    from mind_filter_perplexity.scoring import MEASURES, open_model

    if measure not in MEASURES:
        raise UsageError(f"there is no measure {measure!r}", hint=f"known: {', '.join(MEASURES)}")
    # Before texts are measured, which takes long.
    check_folder(output)
    checkpoint = open_model(model)
    tuning, others, left_out = thresholds.measure_texts(
        checkpoint, _texts(good), _texts(bad or ()), measure, max_characters
    )
    bounds = thresholds.tune(tuning, keep)
    rows = thresholds.figures(others, bounds)
    with atomic_folder(output) as folder:
        write_manifest(folder, {
            "format": thresholds.FORMAT, "version": 1, "measure": measure, "max": bounds,
            "checkpoint": checkpoint.fingerprint, "max_characters": max_characters,
            "figures": rows, "left_out": left_out,
        })  # fmt: skip
    table = [list(_HEAD), *([_shown(cell) for cell in row.values()] for row in rows)]
    lines = align_columns(table, len(_HEAD) - 1)
    write_out("\n".join([*lines, f"{left_out} texts left out: empty, or seen before", ""]))


def _shown(cell: object) -> str:
    if cell is None:
        return "–"
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def _texts(inputs: Sequence[str]) -> Iterator[str]:
    """Yield the texts of records; raise `BadRecord` for the first line that is none."""
    from mind_core.records import decode, text_of
    from mind_core.stream import read_batches

    for batch in read_batches(inputs) if inputs else ():
        for number, line in batch.lines():
            position = batch.position(number)
            yield text_of(decode(line, position), position)


def main() -> None:
    """Run mind-filter-perplexity."""
    run(app, TOOL)
