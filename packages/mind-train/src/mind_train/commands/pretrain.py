"""mind-train pretrain."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mind_core import options
from mind_train.commands import shared

WHAT = "Train a model from scratch on text; run it again to go on after a stop."
EXAMPLES = [
    "mind-train pretrain shards/ -o run/",
    "mind-train pretrain english/ chinese/ -o run/ --set data.shares.zh=1 --set data.shares.en=1",
    "mind-train pretrain text.jsonl.zst -t tokenizer/ -o run/ --set train.steps=1000",
    "mind-train pretrain shards/ -o run/ --set model.architecture=gpt-neo -n",
    "mind-train pretrain shards/ -o run2/ --continue run@300 --set data.shares.zh=0.5",
    "mind-train pretrain shards/ -o short/ --branch trunk@400 --decay 0.2",
    "torchrun --nproc-per-node 8 -m mind_train pretrain shards/ -o run/ --recipe mindllm-3b",
]
COST = shared.COST


def pretrain(
    context: typer.Context,
    shards: shared.Data = None,
    output: shared.RunFolder = None,
    parent: shared.Parent = None,
    continued: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--continue",
            metavar="RUN[@STEP]",
            help="Go on from a step of another run, with its optimizer's state and its place in "
            "every source; --set changes its recipe.",
        ),
    ] = None,
    branch: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--branch",
            metavar="RUN@STEP",
            help="Go on from a step and let the rate decay: what WSD would have done from there.",
        ),
    ] = None,
    decay: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of all steps that --branch decays over.")
    ] = 0.2,
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
    shared.one_of({"--from": parent, "--continue": continued, "--branch": branch})
    if branch or continued:
        effective = shared.continued_recipe(
            context, str(branch or continued), output, recipe, changes, seed,
            decay if branch else None,
        )  # fmt: skip
    else:
        effective = shared.recipe_of(context, recipe or "tiny-cpu", changes, seed)
    if print_recipe:
        shared.print_recipe(effective, plugin)
        return
    data = shared.required(context, shards, "SHARDS, a folder of token shards, or JSONL files")
    from mind_train.cache import shard_folders
    from mind_train.jobs import prepare_pretrain

    folders = shard_folders(data, tokenizer, cache, chat=False)
    job = prepare_pretrain(
        effective, shared.plugins_of(plugin), folders, parent, continued or branch, output,
        is_branch=branch is not None,
    )  # fmt: skip
    shared.run_job(context, job, output, dry_run, quiet, progress)
