"""mind-train bench."""

from __future__ import annotations

from typing import Annotated

import typer

from mind_core import cli, options
from mind_train.commands import shared

WHAT = "Measure tokens a second of a recipe's step, beside this device's own matrix product."
EXAMPLES = [
    "mind-train bench --set model.preset=15m --vocab 8192",
    "mind-train bench --recipe mindllm-1.3b --set train.batch=64 --seconds 60 --json",
    "mind-train bench --set model.architecture=gpt-neo --set model.preset=50m",
]
COST = "Trains on random tokens and writes nothing. Memory: as `pretrain` with this recipe."


def bench(
    context: typer.Context,
    recipe: options.RecipeName = None,
    changes: options.Set = None,
    vocab: Annotated[
        int, typer.Option(metavar="N", min=1, help="Vocabulary, where the recipe has none.")
    ] = 32_000,
    seconds: Annotated[
        float, typer.Option(metavar="X", min=0, help="Seconds to measure for.")
    ] = 20.0,
    plugin: options.PluginFiles = None,
    json: options.Json = False,
) -> None:
    """Read the options, then measure."""
    shared.finite(seconds, "--seconds")
    effective = shared.recipe_of(context, recipe or "tiny-cpu", changes, None)
    from mind_core.records import encode
    from mind_train.bench import as_text
    from mind_train.bench import bench as measure

    result = measure(effective, shared.plugins_of(plugin), vocab, seconds)
    cli.write_out(encode(result).decode() if json else as_text(result))
