"""What the commands for experiments share: a plan, the store, and running its cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from mind_core import cli
from mind_core.errors import UsageError
from mind_core.files import atomic_file
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
    typer.Argument(metavar="PLAN.toml", help="What is trained and claimed.", show_default=False),
]
StoreFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--output", metavar="STORE", help="Where cells lie; plans may share it."),
]
Retry = Annotated[bool, typer.Option("--retry", help="Try failed cells again.")]
Figure = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--figure", metavar="FILE.svg", help="Where the picture is written."),
]


def opened(
    context: typer.Context,
    plan: Path | None,
    store: Path | None,
    plugin: list[Path] | None,
    kind: str | None,
) -> Session:
    """Open a plan over its store."""
    path = shared.required(context, plan, "PLAN.toml, the plan")
    folder = shared.required(context, store, "-o STORE, the folder of cells")
    from mind_train.experiments.session import Session

    return Session.open(path, folder, shared.plugins_of(plugin), kind)


def run(session: Session, dry_run: bool, quiet: bool, progress: bool | None, retry: bool) -> None:
    """Run the cells of a plan, or only say what they would be."""
    from mind_core.progress import Progress

    if dry_run:
        cli.write_out(session.cost())
        return
    with Progress(shared.TOOL, progress) as live:
        session.run(live, quiet, retry)


def draw(figure: Safe, path: Path | None) -> None:
    """Write a figure to its file, or to stdout."""
    if path is None:
        cli.write_out(figure)
        return
    with atomic_file(path) as file:
        file.write(figure.encode())


def action_of(context: typer.Context, given: str | None, known: tuple[str, ...]) -> str:
    """Check the action; raise UsageError with the nearest name."""
    from mind_core.errors import did_you_mean

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
