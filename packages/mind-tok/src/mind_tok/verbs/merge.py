"""mind-tok merge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mind_core import options
from mind_core.errors import UsageError
from mind_core.progress import log
from mind_tok.verbs import NewFolder

WHAT = "Put shard folders of one tokenizer together."
EXAMPLES = [
    "mind-tok merge part-1 part-2 part-3 -o shards",
    "mind-tok merge today yesterday --emit megatron -o shards",
]
COST = (
    "Checks each folder by its hashes, then copies documents in their order; each stays in its "
    "split. A document that two folders hold is there twice: mind-dedup finds it before. Memory: a "
    "few MiB. Also the way to encode on several machines: a folder each, then merge."
)

Folders = Annotated[
    list[Path], typer.Argument(metavar="FOLDER...", help="Shard folders, two or more.")
]
ShardTokens = Annotated[
    int, typer.Option("--shard-tokens", metavar="N", min=1, help="Tokens in a shard, at most.")
]
Emit = Annotated[
    str,
    typer.Option(
        "--emit",
        metavar="NAME,…",
        help="Add indexes for other trainers: megatron, datatrove, olmo.",
        show_default=False,
    ),
]


def merge(
    folders: Folders,
    output: NewFolder = None,
    shard_tokens: ShardTokens = 1 << 28,
    emit: Emit = "",
    quiet: options.Quiet = False,
    plugin: options.PluginFiles = None,
) -> None:
    """Read the options, then merge."""
    if output is None:
        raise UsageError("-o is missing", hint="name the folder to write: -o shards")
    if len(folders) < 2:
        raise UsageError("merge wants two folders or more")
    from mind_tok.checks import refuse_existing
    from mind_tok.loading import make_plugins
    from mind_tok.merge import merge as merged

    # Before the folders are read to be hashed, which takes long.
    refuse_existing(output)
    counts = merged(
        folders, output, make_plugins(plugin or []), shard_tokens=shard_tokens, emit=emit
    )
    if not quiet:
        told = []
        for split, sources in counts.items():
            rows = [row for languages in sources.values() for row in languages.values()]
            documents, tokens = (sum(row[name] for row in rows) for name in ("documents", "tokens"))
            told.append(f"{documents:,} {split} documents of {tokens:,} tokens")
        log("mind-tok", f"{', '.join(told) or 'no documents'} in {output}")
