"""mind-train plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import cli, options
from mind_train.commands import shared

WHAT = "Say what a run would be: parameters, FLOPs, tokens, epochs, memory. Trains nothing."
EXAMPLES = [
    "mind-train plan shards/",
    "mind-train plan --set model.preset=mindllm-3b --vocab 125700",
    "mind-train plan --recipe mindllm-3b --devices 64 --rate 23500",
    "mind-train plan shards/ --reference shipped",
    "mind-train plan shards/ --recipe my.toml --set train.steps=5000 --json",
]
COST = "Needs no memory for the model: 3 billion parameters fit a laptop."


def plan(
    context: typer.Context,
    shards: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(
            metavar="SHARDS...", help="Folders made by mind-tok encode.", show_default=False
        ),
    ] = None,
    recipe: options.RecipeName = None,
    changes: options.Set = None,
    vocab: Annotated[
        int, typer.Option(metavar="N", min=1, help="Vocabulary, where no shards are given.")
    ] = 32_000,
    devices: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of GPUs, or of ranks.")
    ] = 1,
    rate: Annotated[
        float, typer.Option(metavar="X", min=0, help="Tokens a second of one device, for the time.")
    ] = 0.0,
    reference: shared.Reference = None,
    plugin: options.PluginFiles = None,
    json: options.Json = False,
) -> None:
    """Read the options, then work the run out."""
    shared.finite(rate, "--rate")
    effective = shared.recipe_of(context, recipe or "tiny-cpu", changes, None)
    from mind_core.records import encode
    from mind_train.plan import as_text
    from mind_train.plan import plan as work_out

    result = work_out(
        effective, shared.plugins_of(plugin), shards or None, vocab, devices, rate, reference
    )
    cli.write_out(encode(result).decode() if json else as_text(result))
