"""mind-tok train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mind_core import cli
from mind_core.errors import UsageError
from mind_core.stream_command import SharedOptions, stream_command
from mind_tok.verbs import NewFolder

if TYPE_CHECKING:
    from mind_core.plugins import Plugins
    from mind_tok.pipeline import TokenizerTrainOptions

WHAT = "Train a tokenizer on a sample of records and write its folder."
EXAMPLES = [
    "mind-tok train distinct.jsonl.zst --vocab-size 32000 --share zh=0.5,en=0.5 -o tokenizer",
    "cat a.zst b.zst | mind-tok train --kind unigram --sample 100M -o tokenizer",
    "mind-tok train *.zst --share-by source --share books=0.7,wiki=0.3 -o tokenizer",
    "mind-tok train --counts counts.jsonl.zst --vocab-size 64000 -o tokenizer",
    "mind-tok train in.jsonl.zst --set bpe.character_coverage=1.0 -o tokenizer",
]
COST = (
    "Memory: the sample, and about 25 bytes more for each of its bytes while it trains. The sample "
    "depends on the ids of the records and --seed, not on their order; the same sample gives the "
    "same bytes."
)

VocabSize = Annotated[
    int,
    typer.Option(
        "--vocab-size",
        metavar="N",
        min=1,
        help="Vocabulary size, special tokens and bytes included.",
    ),
]
Kind = Annotated[
    str,
    typer.Option(
        "--kind", metavar="NAME", help="bpe, unigram, bytelevel (as GPT-2), or a plugin's."
    ),
]
SampleBytes = Annotated[
    str,
    typer.Option("--sample", metavar="BYTES", help="UTF-8 bytes of text to train on, at most."),
]
Share = Annotated[
    str,
    typer.Option(
        "--share",
        metavar="NAME=SHARE,…",
        help="Share of each language in the bytes of the sample; others are left out. "
        "Default: as they come.",
        show_default=False,
    ),
]
ShareBy = Annotated[
    str,
    typer.Option(
        "--share-by", metavar="WHAT", help="What --share names: language, or source of a record."
    ),
]
Counts = Annotated[
    bool,
    typer.Option("--counts", help="The inputs are files of `mind-tok count`; all of it is used."),
]
TrainerLog = Annotated[
    bool, typer.Option("--trainer-log", help="Show what SentencePiece says while it trains.")
]


@stream_command(
    "inputs _fields output vocab_size kind sample share share_by assignments counts "
    "trainer_log seed jobs quiet dry_run summary rejects limit skip_bad plugin progress",
)
def train(
    shared: SharedOptions,
    output: NewFolder = None,
    vocab_size: VocabSize = 32_000,
    kind: Kind = "bpe",
    sample: SampleBytes = "50M",
    share: Share = "",
    share_by: ShareBy = "language",
    counts: Counts = False,
    trainer_log: TrainerLog = False,
) -> None:
    """Read the options, then train, or print the plan."""
    shared.require_input()
    if output is None:
        raise UsageError("-o is missing", hint="name the folder to write: -o tokenizer")
    if share_by not in ("language", "source"):
        raise UsageError(f"--share-by {share_by!r} is no field", hint="language or source")
    from mind_tok import count_pipeline, pipeline
    from mind_tok.checks import check_paths
    from mind_tok.loading import make_plugins
    from mind_tok.sampling import parse_bytes, parse_shares

    wanted = pipeline.TokenizerTrainOptions(
        output,
        vocab_size,
        kind,
        _kind_options(kind, shared.assignments, trainer_log),
        parse_bytes(sample),
        parse_shares(share) if share else {},
        share_by,
        shared.seed,
    )
    plugins = make_plugins(shared.plugin_files)
    if counts and (share or share_by != "language" or shared.stream.limit is not None):
        raise UsageError("--counts uses all counts: no --share, --share-by or --limit")
    if shared.dry_run:
        check_paths(shared.stream, output)
        cli.write_out(_plan(wanted, plugins))
    elif counts:
        count_pipeline.train(wanted, shared.stream, plugins)
    else:
        pipeline.train(wanted, shared.stream, plugins)


def _kind_options(kind: str, assignments: Sequence[str], trainer_log: bool) -> dict[str, Any]:
    """Return the options of a tokenizer kind from `--set kind.option=value`."""
    from mind_core.recipe import Recipe

    recipe = Recipe("--set", {kind: {}})
    for assignment in assignments:
        recipe.set(assignment)
    # Options of another kind than the chosen one are refused, not passed over in silence.
    recipe.check_keys({kind: {}})
    chosen = recipe.values[kind]
    if not isinstance(chosen, dict):
        raise UsageError(
            f"--set {kind}={chosen} names a kind, and no option of it",
            hint=f"for example --set {kind}.OPTION={chosen}; `mind-tok --list` shows the options",
        )
    return {**chosen, "trainer_log": True} if trainer_log else chosen


def _plan(wanted: TokenizerTrainOptions, plugins: Plugins) -> str:
    from mind_tok.tokenizer import HOOK

    component = plugins.make(HOOK, wanted.kind, wanted.kind_options)
    shares = ", ".join(f"{name} {share:.1%}" for name, share in wanted.shares.items())
    return (
        f"train {component!r}\n"
        f"  {wanted.vocab_size:,} entries from at most {wanted.sample_bytes:,} bytes "
        f"({shares or 'languages as they come'}), seed {wanted.seed}\n"
        f"  into {wanted.output}\n"
    )
