"""mind-tok inspect."""

from __future__ import annotations

from typing import Annotated

import typer

from mind_core import cli, options
from mind_core.flow import StreamOptions
from mind_tok.options import TokenizerFolder

WHAT = "Show how short, complete and exact a tokenizer is over records, by language and source."
EXAMPLES = [
    "mind-tok inspect distinct.jsonl.zst -t tokenizer",
    "mind-tok inspect held-out.jsonl.zst -t tokenizer --json > tokenizer.json",
    "zstdcat in.jsonl.zst | mind-tok inspect -t tokenizer --top 30 --limit 10000",
]
COST = (
    "Exits 3 if a text does not come back as it was. Coverage is the share of characters with an "
    "entry of their own or inside of a longer one; the rest is written in bytes. "
    "Memory: a few batches of 1 MiB for each worker."
)

Top = Annotated[int, typer.Option("--top", metavar="N", min=0, help="Examples in each list.")]


def inspect(
    context: typer.Context,
    tokenizer: TokenizerFolder,
    inputs: options.Inputs = None,
    top: Top = 10,
    json: options.Json = False,
    jobs: options.Jobs = 1,
    summary: options.SummaryFile = None,
    rejects: options.Rejects = None,
    limit: options.Limit = None,
    skip_bad: options.SkipBad = "0",
    plugin: options.PluginFiles = None,
    progress: options.ShowProgress = None,
) -> None:
    """Read the options, then print a table or JSON."""
    cli.require_input(inputs, context.get_help)
    from mind_tok import pipeline
    from mind_tok.table import as_json, as_table
    from mind_tok.tokenizer import load_tokenizer, make_plugins

    plugins = make_plugins(plugin or [])
    stream = StreamOptions(
        inputs=tuple(inputs or ()),
        rejects=rejects,
        summary=summary,
        jobs=jobs,
        limit=limit,
        skip_bad=options.parse_skip_bad(skip_bad),
        quiet=True,  # the table has it all
        progress=progress,
    )
    found = pipeline.inspect(load_tokenizer(tokenizer, plugins), top, stream, plugins)
    cli.write_out(as_json(found) if json else as_table(found))
    pipeline.require_round_trip(found)
