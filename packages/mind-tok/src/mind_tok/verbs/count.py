"""mind-tok count."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core.errors import UsageError
from mind_core.stream_command import SharedOptions, stream_command

WHAT = "Count the words and Chinese runs of records, for `train --counts`."
EXAMPLES = [
    "mind-tok count part-*.jsonl.zst -o counts.jsonl.zst",
    "mind-tok count part-*.jsonl.zst --kind bytelevel -o counts.jsonl.zst",
    "mind-tok count --merge machine-1.jsonl.zst machine-2.jsonl.zst -o counts.jsonl.zst",
    "mind-tok train --counts counts.jsonl.zst --vocab-size 64000 -o tokenizer",
]
COST = (
    "Writes a line for each unit, {text, count}, in the order of UTF-8 bytes: the same for any cut "
    "of the input into files and runs, and for every -j. A unit is a word with the spaces before "
    "it, or a run of Chinese; tabs are left out. For bytelevel it is what GPT-2's pattern cuts, "
    "white space included. Memory: --memory, the rest waits on disk."
)

CountsFile = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--output", metavar="FILE", help="The file of counts to write."),
]
Merge = Annotated[
    bool, typer.Option("--merge", help="The inputs are files of counts: add them up.")
]
Kind = Annotated[
    str,
    typer.Option(
        "--kind", metavar="NAME", help="What is to be trained: bpe, unigram (the same), bytelevel."
    ),
]
Memory = Annotated[
    str,
    typer.Option("--memory", metavar="BYTES", help="Keep counts within this; the rest on disk."),
]


@stream_command(
    "inputs output merge kind memory jobs quiet summary rejects limit skip_bad plugin progress",
    declared={"output": CountsFile},
)
def count(
    shared: SharedOptions,
    merge: Merge = False,
    kind: Kind = "bpe",
    memory: Memory = "1G",
) -> None:
    """Read the options, then count, or add counts up."""
    shared.require_input()
    if shared.stream.output is None:
        raise UsageError("-o is missing", hint="name the file to write: -o counts.jsonl.zst")
    from mind_tok import count_pipeline
    from mind_tok.loading import make_plugins
    from mind_tok.sampling import parse_bytes

    if merge:
        count_pipeline.merge(shared.stream)
    else:
        plugins = make_plugins(shared.plugin_files)
        count_pipeline.count(shared.stream, parse_bytes(memory), kind, plugins)
