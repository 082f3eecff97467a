"""mind-tok inspect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import cli
from mind_core.options import only_svg
from mind_core.stream_command import SharedOptions, stream_command

WHAT = "Show how short, complete and exact a tokenizer is over records, by language and source."
EXAMPLES = [
    "mind-tok inspect distinct.jsonl.zst -t tokenizer",
    "mind-tok inspect held-out.jsonl.zst -t tokenizer --json > tokenizer.json",
    "mind-tok inspect held-out.jsonl.zst -t tokenizer -t gpt2 -t other.model --plot bars.svg",
    "zstdcat in.jsonl.zst | mind-tok inspect -t tokenizer --top 30 --limit 10000",
]
COST = (
    "Exits 3 if a text does not come back as it was; of several tokenizers it only tells so. "
    "Coverage is the share of characters with an entry of their own or inside of a longer one; the "
    "rest is written in bytes. "
    "Memory: a few batches of 1 MiB for each worker."
)

Tokenizers = Annotated[
    list[Path],
    typer.Option(
        "-t",
        "--tokenizer",
        metavar="FOLDER",
        help="A tokenizer, also as others ship it (see convert); several stand side by side.",
    ),
]
Plot = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--plot",
        metavar="FILE.svg",
        callback=only_svg,
        help="Draw tokens per character by language.",
    ),
]
Top = Annotated[int, typer.Option("--top", metavar="N", min=0, help="Examples in each list.")]


@stream_command(
    "tokenizer inputs _fields top json plot jobs summary rejects limit skip_bad plugin progress",
)
def inspect(
    shared: SharedOptions,
    tokenizer: Tokenizers,
    top: Top = 10,
    plot: Plot = None,
) -> None:
    """Read the options, then print a table or JSON."""
    shared.require_input()
    from mind_core.files import atomic_file
    from mind_core.output import check_distinct
    from mind_tok import pipeline
    from mind_tok.convert import read_any
    from mind_tok.loading import make_plugins
    from mind_tok.table import as_comparison, as_json, as_svg, as_table

    plugins = make_plugins(shared.plugin_files)
    stream = replace(shared.stream, quiet=True)  # the table has it all
    check_distinct([*stream.inputs, *tokenizer], plot)
    names = [path.name or str(path) for path in tokenizer]
    found = pipeline.inspect([read_any(t, plugins) for t in tokenizer], top, stream, plugins)
    if shared.json:
        rows = [{"name": name, **row} for name, row in zip(names, found, strict=True)]
        cli.write_out(as_json(found[0] if len(found) == 1 else rows))
    else:
        cli.write_out(as_table(found[0]) if len(found) == 1 else as_comparison(names, found))
    if plot is not None:
        with atomic_file(plot) as file:
            file.write(as_svg(names, found).encode())
    if len(found) == 1:
        pipeline.require_round_trip(found[0])
