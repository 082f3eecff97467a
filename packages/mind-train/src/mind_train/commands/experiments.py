"""What the commands for experiments share: a plan, the store, and running its cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from mind_core import cli, options
from mind_core.errors import UsageError, did_you_mean
from mind_core.files import atomic_file
from mind_core.stream_command import Command, declare_options
from mind_train.commands import shared

if TYPE_CHECKING:
    from mind_core.safe_html import Safe
    from mind_train.experiments.session import Session

COST = (
    "A cell is one run, named by the hash of all that decides its result: it is trained once, also "
    "for another plan, and goes on where it was killed. The same command started twice shares the "
    "work. docs/reproduce.md shows a plan."
)
PlanFile = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Argument(
        metavar="PLAN.toml",
        help="The plan: what is trained, and what is claimed.",
        show_default=False,
    ),
]
StoreFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "-o", "--output", metavar="STORE", help="Folder of the cells; plans may share it."
    ),
]
Size = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--size", metavar="NAME", help="Results of this size. Default: the plan's first."),
]
Retry = Annotated[bool, typer.Option("--retry", help="Try failed cells again.")]
Figure = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--figure",
        metavar="FILE.svg",
        callback=options.only_svg,
        help="Where the picture is written.",
    ),
]


_DECLARED = {
    "plan": (PlanFile, None),
    "store": (StoreFolder, None),
    "size": (Size, None),
    "figure": (Figure, None),
    "retry": (Retry, False),
    "seed": (options.Seed, 0),
    "dry_run": (options.DryRun, False),
    "plugin": (options.PluginFiles, None),
    "json": (options.Json, False),
    "quiet": (options.Quiet, False),
    "progress": (options.ShowProgress, None),
}
"""The options of experiments: what typer reads of each, and its default."""


@dataclass(frozen=True)
class ExperimentOptions:
    """What a user said by the options of experiments; those that a command lacks have defaults."""

    context: typer.Context
    action: str
    plan: Path | None = None
    store: Path | None = None
    size: str | None = None
    figure: Path | None = None
    retry: bool = False
    seed: int = 0
    dry_run: bool = False
    plugin: Sequence[Path] | None = None
    json: bool = False
    quiet: bool = False
    progress: bool | None = None

    def open(self, kind: str | None) -> Session:
        """Open the plan, which must be of a kind unless that is None, over its store."""
        path = shared.required(self.context, self.plan, "PLAN.toml, the plan")
        folder = shared.required(self.context, self.store, "-o STORE, the folder of cells")
        from mind_train.experiments.session import Session

        return Session.open(path, folder, shared.plugins_of(self.plugin), kind)

    def run(self, session: Session) -> None:
        """Run the cells of a plan, or only say what they would be."""
        from mind_core.progress import Progress

        if self.dry_run:
            cli.write_out(session.cost())
            return
        with Progress(shared.TOOL, self.progress) as live:
            session.run(live, self.quiet, self.retry)

    def draw(self, figure: Safe) -> None:
        """Write a figure to its file, or to stdout."""
        if self.figure is None:
            cli.write_out(figure)
            return
        from mind_core.output import check_distinct

        check_distinct([item for item in (self.plan, self.store) if item], self.figure)
        with atomic_file(self.figure) as file:
            file.write(figure.encode())


def experiment_command(
    actions: tuple[str, ...],
    order: str = "action plan store size figure retry dry_run plugin quiet progress",
) -> Callable[[Command], Command]:
    """Give a command the options of experiments, and hand it what they say as one object.

    ``actions`` are what its first argument may be; ``order`` names all options as --help lists
    them: the shared ones and the command's own.
    """
    action = Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="ACTION", help=", ".join(actions) + ".", show_default=False),
    ]

    def make(context: typer.Context, given: Mapping[str, Any]) -> ExperimentOptions:
        checked = _checked_action(context, given["action"], actions)
        return ExperimentOptions(context, **{**given, "action": checked})

    return declare_options(order.split(), {"action": (action, None), **_DECLARED}, make)


def _checked_action(context: typer.Context, given: str | None, known: tuple[str, ...]) -> str:
    """Return the action; raise `UsageError` with the nearest name."""
    if given is None:
        raise UsageError(
            f"missing ACTION, one of {', '.join(known)}",
            hint=f"`{context.command_path} --help` shows the usage",
        )
    if given not in known:
        raise UsageError(
            f"there is no action {given!r}",
            hint=did_you_mean(given, known) or "one of " + ", ".join(known),
        )
    return given
