"""mind-train sft."""

from __future__ import annotations

import typer

from mind_core import options
from mind_train.commands import shared

WHAT = "Go on from a checkpoint with conversations; the loss is on the answers alone."
EXAMPLES = [
    "mind-train sft chat-shards/ --from run/ -o chat/",
    "mind-train sft chats.jsonl.zst -t tokenizer/ --from run/ -o chat/ --set train.epochs=2",
    "mind-train sft chat-shards/ --from run/checkpoints/step-00000200 -o chat/ -n",
]
COST = shared.COST


def sft(
    context: typer.Context,
    shards: shared.Data = None,
    parent: shared.Parent = None,
    output: shared.RunFolder = None,
    tokenizer: shared.TokenizerFolder = None,
    cache: shared.CacheFolder = None,
    recipe: options.RecipeName = None,
    changes: options.Set = None,
    seed: shared.Seed = None,
    dry_run: options.DryRun = False,
    print_recipe: options.PrintRecipe = False,
    plugin: options.PluginFiles = None,
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
) -> None:
    """Read the options, check the job, then train."""
    effective = shared.recipe_of(context, recipe or "sft-cpu", changes, seed)
    if print_recipe:
        shared.print_recipe(effective, plugin)
        return
    data = shared.required(context, shards, "SHARDS, a folder of chat shards, or JSONL files")
    start = shared.required(context, parent, "--from MODEL, the checkpoint to start from")
    from mind_train.cache import shard_folders
    from mind_train.jobs import prepare_sft

    folders = shard_folders(data, tokenizer, cache, chat=True)
    job = prepare_sft(effective, shared.plugins_of(plugin), folders, start)
    shared.run_job(context, job, output, dry_run, quiet, progress)
