"""mind-train sft."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mind_core import options
from mind_core.errors import UsageError
from mind_train.commands import shared

WHAT = "Go on from a model with conversations; the loss is on the answers alone."
EXAMPLES = [
    "mind-train sft chat-shards/ --from run/ -o chat/",
    "mind-train sft chats.jsonl.zst -t tokenizer/ --from run/ -o chat/ --set train.epochs=2",
    "mind-train sft chats.jsonl --from bloom/ --chat-template mindllm -o chat/",
    "mind-train sft chats.jsonl --from qwen/ -o chat/ --set train.lora_rank=16",
    "mind-train sft chat-shards/ --from run/checkpoints/step-00000200 -o chat/ -n",
]
COST = shared.COST


def sft(
    context: typer.Context,
    shards: shared.Data = None,
    parent: shared.Parent = None,
    output: shared.RunFolder = None,
    tokenizer: shared.TokenizerFolder = None,
    template: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--chat-template",
            metavar="NAME|FILE",
            help="For a Hugging Face model: as of mind-tok encode, or mindllm. Default: its own.",
        ),
    ] = None,
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
    from mind_train.cache import shard_folders, template_shards
    from mind_train.huggingface.folder import is_folder
    from mind_train.jobs import prepare_sft

    used = None
    if is_folder(start):
        if tokenizer is not None:
            raise UsageError("a Hugging Face model has its own tokenizer", hint="leave -t out")
        folders, used = template_shards(data, start, template, cache)
    else:
        if template is not None:
            raise UsageError("--chat-template is for Hugging Face models", hint="leave it out")
        folders = shard_folders(data, tokenizer, cache, chat=True)
    job = prepare_sft(effective, shared.plugins_of(plugin), folders, start, used)
    shared.run_job(context, job, output, dry_run, quiet, progress)
