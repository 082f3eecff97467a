"""mind-tok decode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core.errors import UsageError
from mind_core.stream_command import SharedOptions, stream_command

WHAT = "Turn ids back into text: the ids of records, or a whole shard folder."
EXAMPLES = [
    "mind-tok decode shards | zstdcat | head",
    "mind-tok decode chat-shards --control -z 0 | jq -r .text | less",
    "mind-tok encode in.jsonl.zst -t tokenizer | mind-tok decode -t tokenizer -o same.jsonl.zst",
]
COST = "Memory: a few batches of 1 MiB for each worker. The order is that of the input."

Inputs = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(
        metavar="[FILE]...|SHARDS",
        help="Records with `ids`, or one shard folder; '-' or none is stdin.",
        show_default=False,
    ),
]
TokenizerFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "-t", "--tokenizer", metavar="FOLDER", help="The tokenizer; a shard folder has its own."
    ),
]
Control = Annotated[
    bool,
    typer.Option("--control", help="Write control tokens by their names; else they are left out."),
]

Verify = Annotated[
    bool, typer.Option("--verify", help="Check the hash of each shard first; sizes always are.")
]

_ALL_WHOLE = "its documents are checked and whole: none is bad, none is dropped"
_OF_RECORDS = {
    "rejects": ("--rejects", _ALL_WHOLE),
    "skip_bad": ("--skip-bad", _ALL_WHOLE),
    "jobs": ("-j", "one process reads it"),
    "tokenizer": ("-t", "it has its own tokenizer"),
}


@stream_command(
    "inputs tokenizer control verify output jobs level quiet summary rejects limit skip_bad "
    "plugin progress",
    declared={"inputs": Inputs},
)
def decode(
    shared: SharedOptions,
    tokenizer: TokenizerFolder = None,
    control: Control = False,
    verify: Verify = False,
) -> None:
    """Read the options, then decode records or a folder."""
    shared.require_input()
    from mind_tok import pipeline
    from mind_tok.decode import TokenDecoder
    from mind_tok.loading import load_tokenizer, make_plugins

    stream = shared.stream
    plugins = make_plugins(shared.plugin_files)
    folders = [Path(item) for item in stream.inputs if Path(item).is_dir()]
    if folders and len(stream.inputs) > 1:
        raise UsageError("a shard folder is decoded alone", hint="give one folder, or files only")
    if folders:
        _refuse_given(shared.context)
        pipeline.decode_shards(folders[0], control, verify, stream, plugins)
    elif verify:
        raise UsageError("--verify is for shard folders", hint="records have no hashes")
    elif tokenizer is None:
        raise UsageError("-t is missing", hint="name the tokenizer that the ids were made with")
    else:
        work = TokenDecoder(load_tokenizer(tokenizer, plugins), control)
        pipeline.decode_stream(work, stream, plugins)


def _refuse_given(context: typer.Context) -> None:
    """Raise `UsageError` for an option that means nothing for a shard folder."""
    for name, (option, why) in _OF_RECORDS.items():
        source = context.get_parameter_source(name)
        # A default from the environment is meant for the commands that can use it.
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"{option} means nothing for a shard folder", cause=why)
