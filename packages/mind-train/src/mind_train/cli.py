"""The door of mind-train: pretrain, sft, sample, plan, plot."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional, TypeVar

import typer

from mind_core import cli, options
from mind_core.errors import UsageError

if TYPE_CHECKING:
    from mind_core.plugins import Plugins
    from mind_core.recipe import Recipe
    from mind_train.pipeline import Job

T = TypeVar("T")

TOOL = "mind-train"
app = cli.new_app()

ShardFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Argument(metavar="SHARDS", help="A folder made by mind-tok encode.", show_default=False),
]
RunFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "-o",
        "--output",
        metavar="RUN",
        help="The run folder. The same command goes on where an existing one stands.",
    ),
]
Seed = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--seed",
        metavar="N",
        envvar="MIND_SEED",
        show_envvar=False,
        help="Where chance is involved, it starts here. Default: the recipe's.",
    ),
]

COST = (
    "Memory: 16 bytes for each parameter, and the activations of one micro-batch; shards are "
    "mapped, not read. Resuming is exact to the bit on the same machine with as many threads."
)


def _plugins(files: Sequence[Path] | None) -> Plugins:
    from mind_train.components import load_plugins

    return load_plugins(files or [])


cli.add_front_door(
    app,
    TOOL,
    _plugins,
    "Train MindLLM's two architectures at any size on token shards; sample from what was learned.",
    [
        "mind-train pretrain shards/ -o run/",
        "mind-train sft chat-shards/ --from run/ -o chat/",
        'mind-train sample run/ "The sea" "北京"',
        "mind-train plan --set model.preset=mindllm-3b --vocab 125700",
        "mind-train plot run/ -o curves.svg",
    ],
)


@app.command(
    help=cli.help_text(
        "Train a model from scratch on text shards; run it again to go on after a stop.",
        [
            "mind-train pretrain shards/ -o run/",
            "mind-train pretrain shards/ -o run/ --recipe tiny-cpu --set train.steps=1000",
            "mind-train pretrain shards/ -o run/ --set model.architecture=gpt-neo -n",
        ],
    ),
    epilog=cli.epilog(COST),
)
def pretrain(
    context: typer.Context,
    shards: ShardFolder = None,
    output: RunFolder = None,
    recipe: options.RecipeName = None,
    changes: options.Set = None,
    seed: Seed = None,
    dry_run: options.DryRun = False,
    print_recipe: options.PrintRecipe = False,
    plugin: options.PluginFiles = None,
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
) -> None:
    effective = _recipe(context, recipe or "tiny-cpu", changes, seed)
    if print_recipe:
        _print_recipe(effective, plugin)
        return
    folder = _required(context, shards, "SHARDS, a folder of token shards")
    from mind_train.pipeline import prepare_pretrain

    _carry_out(
        context, prepare_pretrain(effective, _plugins(plugin), folder), output, dry_run, quiet,
        progress,
    )  # fmt: skip


@app.command(
    help=cli.help_text(
        "Go on from a checkpoint with conversations; the loss is on the answers alone.",
        [
            "mind-train sft chat-shards/ --from run/ -o chat/",
            "mind-train sft chat-shards/ --from run/ -o chat/ --set train.epochs=2",
            "mind-train sft chat-shards/ --from run/checkpoints/step-00000200 -o chat/ -n",
        ],
    ),
    epilog=cli.epilog(COST),
)
def sft(
    context: typer.Context,
    shards: ShardFolder = None,
    parent: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--from", metavar="MODEL", help="The run folder or checkpoint to start from."),
    ] = None,
    output: RunFolder = None,
    recipe: options.RecipeName = None,
    changes: options.Set = None,
    seed: Seed = None,
    dry_run: options.DryRun = False,
    print_recipe: options.PrintRecipe = False,
    plugin: options.PluginFiles = None,
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
) -> None:
    effective = _recipe(context, recipe or "sft-cpu", changes, seed)
    if print_recipe:
        _print_recipe(effective, plugin)
        return
    folder = _required(context, shards, "SHARDS, a folder of chat shards")
    start = _required(context, parent, "--from MODEL, the checkpoint to start from")
    from mind_train.pipeline import prepare_sft

    _carry_out(
        context, prepare_sft(effective, _plugins(plugin), folder, start), output, dry_run, quiet,
        progress,
    )  # fmt: skip


@app.command(
    help=cli.help_text(
        "Write text with a model: continue prompts, or answer them with --chat.",
        [
            'mind-train sample run/ "The sea" "北京"',
            'mind-train sample chat/ --chat "Who was Confucius?" --temperature 0.7 --top-p 0.9',
            "mind-train sample run/ --count 3 --max-new 50 --json",
        ],
    ),
    epilog=cli.epilog("Samples come in the order of the prompts; sample i is drawn with seed + i."),
)
def sample(
    context: typer.Context,
    model: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="MODEL", help="A run folder or a checkpoint.", show_default=False),
    ] = None,
    prompts: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(metavar="[PROMPT]...", help="None begins a document.", show_default=False),
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Prompts are a user's questions.")] = False,
    max_new: Annotated[int, typer.Option(metavar="N", min=1, help="Tokens at most.")] = 128,
    temperature: Annotated[float, typer.Option(metavar="X", help="0 takes the likeliest.")] = 0.8,
    top_p: Annotated[float, typer.Option(metavar="X", help="Sample from this share.")] = 0.95,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="Samples of each prompt.")] = 1,
    seed: options.Seed = 0,
    plugin: options.PluginFiles = None,
    json: options.Json = False,
) -> None:
    folder = _required(context, model, "MODEL, a run folder or a checkpoint")
    from mind_core.records import encode
    from mind_train.sample import Sampling, as_text
    from mind_train.sample import sample as draw

    how = Sampling(max_new, temperature, top_p, seed, chat)
    for record in draw(folder, prompts or [""], how, count, _plugins(plugin)):
        cli.write_out(encode(record).decode() if json else as_text(record, chat))


@app.command(
    help=cli.help_text(
        "Say what a run would be: parameters, FLOPs, tokens, epochs, memory. Trains nothing.",
        [
            "mind-train plan shards/",
            "mind-train plan --set model.preset=mindllm-3b --vocab 125700",
            "mind-train plan shards/ --recipe my.toml --set train.steps=5000 --json",
        ],
    ),
    epilog=cli.epilog("Needs no memory for the model: 3 billion parameters fit a laptop."),
)
def plan(
    context: typer.Context,
    shards: ShardFolder = None,
    recipe: options.RecipeName = None,
    changes: options.Set = None,
    vocab: Annotated[
        int, typer.Option(metavar="N", min=1, help="Vocabulary, where no shards are given.")
    ] = 32_000,
    plugin: options.PluginFiles = None,
    json: options.Json = False,
) -> None:
    effective = _recipe(context, recipe or "tiny-cpu", changes, None)
    from mind_core.records import encode
    from mind_train.plan import as_text
    from mind_train.plan import plan as work_out

    result = work_out(effective, _plugins(plugin), shards, vocab)
    cli.write_out(encode(result).decode() if json else as_text(result))


@app.command(
    help=cli.help_text(
        "Draw the loss curves of runs as one SVG: training loss, and held-out bits per byte.",
        [
            "mind-train plot run/ -o curves.svg",
            "mind-train plot run-a/ run-b/ -o both.svg",
            "mind-train plot run/ > curves.svg",
        ],
    ),
    epilog=cli.epilog("Reads metrics.jsonl of each run; a run may still be going on."),
)
def plot(
    context: typer.Context,
    runs: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(metavar="RUN...", help="Run folders.", show_default=False),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("-o", "--output", metavar="FILE", help="Write the SVG here, not to stdout."),
    ] = None,
) -> None:
    folders = _required(context, runs, "RUN, one or more run folders")
    from mind_train.plot import plot as draw

    cli.write_out(draw(folders, output))


def _recipe(
    context: typer.Context, name: str, changes: Sequence[str] | None, seed: int | None
) -> Recipe:
    from mind_train.config import effective_recipe

    source = context.get_parameter_source("seed")  # what is typed comes before the environment
    inherited = source is not None and source.name == "ENVIRONMENT"
    return effective_recipe(name, changes or [], seed, inherited)


def _print_recipe(recipe: Recipe, plugin: Sequence[Path] | None) -> None:
    from mind_train.config import whole

    cli.write_out(whole(recipe, _plugins(plugin)).to_toml())


def _required(context: typer.Context, value: T | None, what: str) -> T:
    if not value:
        raise UsageError(f"missing {what}", hint=f"`{context.command_path} --help` shows the usage")
    return value


def _carry_out(
    context: typer.Context,
    job: Job,
    output: Path | None,
    dry_run: bool,
    quiet: bool,
    progress: bool | None,
) -> None:
    from mind_core.progress import Progress
    from mind_train.pipeline import plan_lines, train

    if dry_run:
        cli.write_out("".join(f"{line}\n" for line in plan_lines(job)))
        return
    run = _required(context, output, "-o RUN, the run folder")
    with Progress(TOOL, progress) as live:
        train(job, run, live, quiet)


def main() -> None:
    """Run mind-train."""
    # Waiting threads should sleep: where other work shares the cores, spinning halves the speed.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    cli.run(app, TOOL)
