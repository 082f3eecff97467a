"""The shared options: the same flag with the same meaning in every tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core.columns import set_columns
from mind_core.errors import UsageError
from mind_core.parallel import usable_cores
from mind_core.recipe import recipe_names
from mind_core.runner import ALL
from mind_core.untrusted import whole_number

JOBS_PER_CORE = 4
JOBS_ANYWHERE = 16
"""Workers that any machine may be asked for, however few cores it has."""


def complete_recipe(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the tool's recipes that begin so, for the shell."""
    tool = context.find_root().info_name or ""
    known = recipe_names(Path(tool).name.replace("-", "_"))
    return [name for name in known if name.startswith(incomplete)]


def only_svg(path: Path | None) -> Path | None:
    """Refuse an SVG's name that ends as that of another picture or page; a callback of options."""
    if path is not None and path.suffix.lower() in _SHOWN - {".svg"}:
        kind, right = path.suffix.lower().lstrip(".").upper(), path.with_suffix(".svg")
        raise UsageError(
            f"{path} would be an SVG by another name",
            hint=f"{right}; rsvg-convert, Inkscape or a browser makes {kind} of it",
        )
    return path


def only_html(path: Path | None) -> Path | None:
    """Refuse a page's name that ends as that of a picture or document; a callback of options."""
    if path is not None and path.suffix.lower() in _SHOWN - {".html"}:
        kind, right = path.suffix.lower().lstrip(".").upper(), path.with_suffix(".html")
        raise UsageError(
            f"{path} would be a page of HTML by another name",
            hint=f"{right}; a browser prints it as {kind}",
        )
    return path


_SHOWN = frozenset({".svg", ".html", ".htm", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".eps",
                    ".pdf", ".docx", ".md"})  # fmt: skip

AUTO = "auto"


def parse_jobs(value: object) -> int:
    """Return a number of workers; "auto" is one for each core that this process may use."""
    text = str(value).strip()
    if text == AUTO:
        # More than that are started only where their number is given.
        return min(usable_cores(), JOBS_ANYWHERE)
    jobs = whole_number(text)
    if not jobs:
        raise UsageError(f"-j {text!r} is no number of workers", hint="-j 4, or -j auto")
    return jobs


def check_jobs(jobs: int) -> int:
    """Return a number of workers; raise `UsageError` for many more than there are cores."""
    cores = usable_cores()
    # Each worker costs memory: a number with a digit too many should not take the machine down.
    max_jobs = max(JOBS_ANYWHERE, JOBS_PER_CORE * cores)
    if jobs > max_jobs:
        raise UsageError(
            f"-j {jobs} is more than this machine can take: it has {cores} "
            f"{'core' if cores == 1 else 'cores'}, and at most {max_jobs} workers are started",
            hint=f"-j {cores} uses them all",
        )
    return jobs


# typer reads these at run time, so the annotations keep Optional and List spelled out for it.

Inputs = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(
        metavar="[FILE]...",
        help="JSONL, plain or compressed; Parquet, CSV, WET, data set folders. '-' or none: stdin.",
        show_default=False,
    ),
]
Fields = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--field",
        metavar="NAME=COLUMN",
        callback=set_columns,
        help="What a field is called in the input: text=content,id=meta.doc_id.",
    ),
]
Output = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--output", metavar="FILE", help="Write records here, not to stdout."),
]
Jobs = Annotated[
    int,
    typer.Option(
        "-j",
        "--jobs",
        metavar="N|auto",
        parser=parse_jobs,
        envvar="MIND_JOBS",
        show_envvar=False,
        callback=check_jobs,
        help="Worker processes, auto one a core; the output is the same for any number.",
    ),
]
Level = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "-z",
        "--level",
        metavar="N",
        min=0,
        max=22,
        envvar="MIND_LEVEL",
        show_envvar=False,
        help="zstd level; 0 is plain JSONL. Default 1 into a pipe, 3 into a file.",
    ),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No summary line at the end.")]
DryRun = Annotated[
    bool, typer.Option("-n", "--dry-run", help="Check everything, print the plan, read nothing.")
]
RecipeName = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--recipe",
        metavar="NAME|FILE",
        autocompletion=complete_recipe,
        help="A built-in recipe by name, or a TOML file.",
    ),
]
Set = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--set", metavar="NAME.OPTION=VALUE", help="Change one value of the recipe."),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        envvar="MIND_SEED",
        show_envvar=False,
        help="Random seed.",
    ),
]
SummaryFile = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--summary", metavar="FILE", help="Write counts, reasons and versions as JSON."),
]
Rejects = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--rejects", metavar="FILE", help="Write each dropped record with its reason."),
]
Mark = Annotated[
    bool, typer.Option("--mark", help="Note reasons on the records instead of dropping them.")
]
Limit = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--limit", metavar="N", min=0, help="Read only the first N records."),
]
SkipBad = Annotated[
    str,
    typer.Option(
        "--skip-bad",
        metavar="N|all",
        envvar="MIND_SKIP_BAD",
        show_envvar=False,
        help="Let N lines that are no records pass, counted and in --rejects.",
    ),
]
RecordSeconds = Annotated[
    float,
    typer.Option(
        "--record-seconds",
        metavar="SECONDS",
        min=0.0,
        envvar="MIND_RECORD_SECONDS",
        show_envvar=False,
        help="Drop a record as too_slow after this much CPU time; 0 is no limit.",
    ),
]
PluginFiles = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option("--plugin", metavar="FILE.py", help="Load a plugin from a Python file as well."),
]
ShowProgress = Annotated[
    Optional[bool],  # noqa: UP045
    typer.Option(
        "--progress/--no-progress",
        envvar="MIND_PROGRESS",
        show_envvar=False,
        help="Paint a live line. Default: on a terminal, last of a chain.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
ListComponents = Annotated[
    bool, typer.Option("--list", help="List every component with its options, and exit.")
]
ListPlugins = Annotated[bool, typer.Option("--plugins", help="List the plugins, and exit.")]
PrintRecipe = Annotated[
    bool, typer.Option("--print-recipe", help="Print the effective recipe as TOML, and exit.")
]
Version = Annotated[bool, typer.Option("--version", help="Print the versions, and exit.")]


def parse_skip_bad(value: str) -> int:
    """Return the number that --skip-bad allows, `ALL` for "all"."""
    if value == "all":
        return ALL
    if (allowed := whole_number(value)) is not None:
        return allowed
    raise UsageError(f"--skip-bad {value!r} is neither a number nor 'all'")
