"""What the commands share: options, recipes, and carrying out a job."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional, TypeVar

import typer

from mind_core import cli
from mind_core.errors import UsageError

if TYPE_CHECKING:
    from mind_core.plugins import Plugins
    from mind_core.recipe import Recipe
    from mind_train.jobs import Job

T = TypeVar("T")
TOOL = "mind-train"

COST = (
    "Memory: 16 bytes for each parameter, and the activations of one micro-batch; shards are "
    "mapped, not read. Resuming is exact to the bit on the same machine with as many threads and "
    "ranks. Under torchrun a batch is split over the ranks."
)
Data = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Argument(
        metavar="SHARDS|FILE...",
        help="JSONL files (with --tokenizer), or folders made by mind-tok encode.",
        show_default=False,
    ),
]
TokenizerFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "-t",
        "--tokenizer",
        metavar="FOLDER",
        help="Tokenizer that encodes records; the result is kept in a cache.",
    ),
]
CacheFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--cache", metavar="FOLDER", help="Where encoded records are kept. Default: MIND_CACHE."
    ),
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
        help="Random seed. Default: the recipe's.",
    ),
]
Parent = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--from", metavar="MODEL", help="The run folder or checkpoint to start from."),
]

Reference = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="shipped|FILE|RUN",
        help="Curves of reference runs beside it: our own, those of a file, or a run folder's.",
    ),
]


def plugins_of(files: Sequence[Path] | None) -> Plugins:
    """Load the plugins, with those in the given files."""
    from mind_train.components import load_plugins

    return load_plugins(files or [])


def recipe_of(
    context: typer.Context, name: str, changes: Sequence[str] | None, seed: int | None
) -> Recipe:
    """Load a recipe with its changes; what is typed comes before the environment."""
    from mind_train.config import effective_recipe

    source = context.get_parameter_source("seed")
    inherited = source is not None and source.name == "ENVIRONMENT"
    return effective_recipe(name, changes or [], seed, inherited)


def continued_recipe(
    context: typer.Context,
    spec: str,
    output: Path | None,
    name: str | None,
    changes: Sequence[str] | None,
    seed: int | None,
    decay: float | None,
) -> Recipe:
    """Load the recipe of the run to go on from, with its changes and those of a branch."""
    from mind_train.config import effective_recipe
    from mind_train.continuing import base_recipe, branch_changes

    if any(change.partition(".")[0] == "model" for change in changes or []):
        raise UsageError("the model comes with the run", hint="leave model out of --set")
    path, values = base_recipe(spec, output)
    if name is not None:
        recipe = recipe_of(context, name, None, None)
        values = {key: value for key, value in recipe.values.items() if key != "model"}
        path = name
    if any(change.startswith("phase") for change in changes or []):
        values["train"] |= {"steps": 0, "epochs": 0.0}  # new phases say how long it is
    branched = [] if decay is None else branch_changes(spec, decay, values)
    return effective_recipe(path, [*branched, *(changes or [])], seed, values=values)


def one_of(given: Mapping[str, object]) -> None:
    """Raise UsageError if several of some options are given."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise UsageError(" and ".join(names) + " exclude each other", hint=f"give {names[0]} alone")


def print_recipe(recipe: Recipe, plugin: Sequence[Path] | None) -> None:
    """Print the whole effective recipe."""
    from mind_train.config import whole

    cli.write_out(whole(recipe, plugins_of(plugin)).to_toml())


def usage(context: typer.Context, what: str) -> str:
    """Return the hint for what was not given: what its option is for, and the usage."""
    from mind_core.usage_hints import option_help

    shown = [option_help(one) for one in context.command.params if what.split()[0] in one.opts]
    return "; ".join([*shown, f"`{context.command_path} --help` shows the usage"])


def required(context: typer.Context, value: T | None, what: str) -> T:
    """Give a value that was given; raise UsageError where it was not."""
    if not value:
        raise UsageError(f"missing {what}", hint=usage(context, what))
    return value


def finite(value: float, option: str) -> None:
    """Raise UsageError for an option that is nan or infinite."""
    if not math.isfinite(value):
        raise UsageError(f"{option} {value} is no finite number", hint="give a plain number")


def run_job(
    context: typer.Context,
    job: Job,
    output: Path | None,
    dry_run: bool,
    quiet: bool,
    progress: bool | None,
) -> None:
    """Train a job, or only say what it would be."""
    from mind_core.progress import Progress
    from mind_train.distributed import planned_group
    from mind_train.pipeline import plan_lines, train
    from mind_train.run_folder import check_run

    if dry_run:
        if output is not None:
            check_run(output, job.settings.recipe, job.inputs)
        cli.write_out("".join(f"{line}\n" for line in plan_lines(job)))
        return
    run = required(context, output, "-o RUN, the run folder")
    with Progress(TOOL, progress if planned_group().first else False) as live:
        train(job, run, live, quiet)
