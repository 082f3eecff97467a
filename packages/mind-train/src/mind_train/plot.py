"""The command `plot`: loss curves of one or more runs as one plain SVG, from metrics.jsonl.

Left the training loss (a running mean over it), right the held-out loss of each language in bits
per byte, so that Chinese and English share an axis. `mind-eval report` draws the same curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import atomic_file
from mind_core.output import check_distinct
from mind_core.progress import log
from mind_core.render.chart import Line, smooth, thin_out
from mind_core.render.pictures import Panel, line_picture
from mind_core.render.svg import COLOURS
from mind_core.safe_html import Safe
from mind_train.components import TOOL
from mind_train.metrics import METRICS, read_metrics

DASHES = ("", "6 3", "2 3", "8 3 2 3")
GROUPINGS = {"language": "languages", "source": "validation"}

Point = tuple[float, float]


def plot(
    runs: Sequence[Path], output: Path | None, by: str = "language", reference: str | None = None
) -> str:
    """Draw the curves of run folders into a file; give the SVG for stdout where there is none.

    With a ``reference`` (see ``references/runs.py``) its curves are drawn beside those of one run,
    and where the run stands among them is said on stderr.
    """
    check_distinct(runs, output)
    panels: list[Panel] = []
    if reference is not None:
        from mind_train.references.charts import panels_beside

        panels, said = panels_beside(runs, reference)
        for line in said:
            log(TOOL, line)
    picture = draw(runs, by, panels)
    if output is None:
        return picture
    with atomic_file(output) as file:
        file.write(picture.encode())
    return ""


def draw(runs: Sequence[Path], by: str = "language", more: Sequence[Panel] = ()) -> Safe:
    """Draw the curves of run folders, and ``more`` panels beside them; give the SVG.

    Raises MindError for a run without metrics, UsageError for a ``by`` that is not known.
    """
    if by not in GROUPINGS:
        raise UsageError(f"--by {by!r} is not known", hint="one of " + ", ".join(GROUPINGS))
    training: list[Line] = []
    held_out: list[Line] = []
    for number, run in enumerate(runs):
        colour = COLOURS[number % len(COLOURS)]
        losses, groups = _read(run, by)
        if not losses:
            raise MindError(f"{run} has no steps in {METRICS}", hint="give a run folder")
        # Smoothed before it is thinned, so that every step has its share in what is drawn.
        training.append(Line(run.name, thin_out(smooth(losses)), colour=colour))
        for place, (name, points) in enumerate(sorted(groups.items())):
            # Several runs are told apart by colour, and their languages by dashes; a single one by
            # both.
            shade = colour if len(runs) > 1 else COLOURS[place % len(COLOURS)]
            title = f"{run.name} {name}" if len(runs) > 1 else name
            dashes = DASHES[place % len(DASHES)]
            held_out.append(Line(title, points, colour=shade, dashes=dashes))
    panels = [Panel("training loss", training, "step", "nats per token")]
    if held_out:
        panels.append(Panel("held-out loss", held_out, "step", "bits per byte"))
    return line_picture([*panels, *more], "loss curves")


def _read(run: Path, by: str) -> tuple[list[Point], dict[str, list[Point]]]:
    """Return the loss of each step, and the held-out bits per byte of each group."""
    losses: list[Point] = []
    groups: dict[str, list[Point]] = {}
    for line in read_metrics(run / METRICS):
        if line.get("loss") is not None:
            losses.append((line["step"], line["loss"]))
        for name, score in line.get(GROUPINGS[by], {}).items():
            if score.get("bits_per_byte") is not None:
                groups.setdefault(name, []).append((line["step"], score["bits_per_byte"]))
    return losses, groups
