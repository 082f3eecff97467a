"""mind-sft-select read."""

from __future__ import annotations

import typer

from mind_core import cli, options
from mind_core.runner import StreamOptions, check_stream
from mind_sft_select.commands import shared

WHAT = (
    "Read instructions of any layout and pass them on as `messages`: JSON Lines or JSON arrays of "
    "Alpaca, ShareGPT, OpenAI, MOSS, BELLE, self-instruct, lawyer-llama and others."
)
EXAMPLES = [
    "mind-sft-select read alpaca.json moss.jsonl.zst -o messages.jsonl.zst",
    "mind-sft-select read --format sharegpt chats.json --rejects no.jsonl.zst > messages.zst",
    "mind-sft-select read belle.json | mind-dedup --recipe … | mind-tok encode --chat …",
]
COST = (
    "Memory: a few batches of 1 MiB for each worker; arrays are streamed. Order: input order, the "
    "same bytes for any -j. Template residue is removed and counted, questions after the last "
    "answer are cut and counted, what cannot be trained on is rejected with its reason."
)


def read(
    context: typer.Context,
    inputs: options.Inputs = None,
    _fields: options.Fields = None,
    output: options.Output = None,
    chat_format: shared.Format = "auto",
    rejects: options.Rejects = None,
    summary: options.SummaryFile = None,
    jobs: options.Jobs = 1,
    level: options.Level = None,
    limit: options.Limit = None,
    skip_bad: options.SkipBad = "0",
    dry_run: options.DryRun = False,
    plugin: options.PluginFiles = None,
    progress: options.ShowProgress = None,
    quiet: options.Quiet = False,
) -> None:
    """Read instructions and pass them on."""
    cli.require_input(inputs, context.get_help)
    from mind_core.chats import ChatFormat
    from mind_sft_select.reading import read_stream

    layout = ChatFormat(chat_format, tuple(map(str, plugin or [])))
    layout.check()
    stream = StreamOptions(
        inputs=tuple(inputs or ()), output=output, rejects=rejects, summary=summary, jobs=jobs,
        level=level, limit=limit, skip_bad=options.parse_skip_bad(skip_bad), quiet=quiet,
        progress=progress,
    )  # fmt: skip
    if dry_run:
        check_stream(stream)
        cli.write_out(f"read layouts: {', '.join(layout.readers)}\n")
        return
    read_stream(layout, stream)
