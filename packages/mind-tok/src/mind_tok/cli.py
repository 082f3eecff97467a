"""The command line of mind-tok: one file for each verb in `verbs/`, with the shared options."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mind_core import cli
from mind_core.tasks.options import STATUS, status_command, status_help
from mind_tok.verbs import convert, count, decode, encode, extend, inspect, merge, train

if TYPE_CHECKING:
    from mind_core.plugins import Plugins

TOOL = "mind-tok"
WHAT = "Train a bilingual tokenizer, turn text into token shards, and look inside both."


def make_plugins(files: Sequence[Path] = ()) -> Plugins:
    """Return the plugins of mind-tok, with those in the given files."""
    from mind_tok.loading import make_plugins as make

    return make(files)


app = cli.new_app()
cli.add_global_options(
    app, TOOL, make_plugins, WHAT, [verb.EXAMPLES[0] for verb in (train, encode, inspect)]
)
for verb, command in (
    (train, train.train),
    (count, count.count),
    (encode, encode.encode),
    (decode, decode.decode),
    (inspect, inspect.inspect),
    (extend, extend.extend),
    (convert, convert.convert),
    (merge, merge.merge),
):
    app.command(help=cli.help_text(verb.WHAT, verb.EXAMPLES), epilog=cli.epilog(verb.COST))(command)


app.command(name=STATUS, help=status_help(TOOL), epilog=cli.EXIT_CODES)(status_command)

_COLLECT_AFTER = 200_000
"""New objects after which Python looks for unreachable circles; by itself it does after 700, over
and over while modules and vocabularies are loaded, a quarter of the time that takes."""


def main() -> NoReturn:
    """Run mind-tok."""
    gc.set_threshold(_COLLECT_AFTER)
    cli.run(app, TOOL)
