"""Reference runs: what each was trained on, and its held-out bits per byte over tokens.

The runs that ship lie in ``curves.json`` with their commands; a file of the same form, or a run
folder, serves as well.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import orjson

from mind_core import MindError
from mind_core.errors import UsageError
from mind_train.metrics import METRICS, read_metrics

SHIPPED = "shipped"
FORMAT = "mind-reference-curves"
MAX_BYTES = 16 << 20

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ReferenceRun:
    """One run: ``body`` parameters (None where unknown), and (tokens, bits per byte) by language.

    ``text`` says what it was trained on and measured with; ``command`` makes it again.
    """

    name: str
    architecture: str
    body: int | None
    text: str
    command: str
    curves: Mapping[str, Points]

    def at(self, language: str, tokens: float) -> float | None:
        """Give the bits per byte at a number of tokens; None beyond the last one measured.

        Between two measurements it is a line over the logarithm of tokens, as losses fall; from
        the start to the first one a line over tokens.
        """
        points = self.curves.get(language, ())
        if not points or not points[0][0] <= tokens <= points[-1][0]:
            return None
        place = min(bisect_right([x for x, _ in points], tokens), len(points) - 1)
        (x0, y0), (x1, y1) = points[max(place - 1, 0)], points[place]
        if x1 == x0:
            return y1
        # A curve may begin at 0 tokens, which has no logarithm.
        low, high, here = (x if x0 == 0 else math.log(x) for x in (x0, x1, tokens))
        return y0 + (y1 - y0) * (here - low) / (high - low)

    def fall(self, language: str, tokens: float) -> float | None:
        """Give by how much the loss fell over the last doubling, from tokens/2 to tokens."""
        before, after = self.at(language, tokens / 2), self.at(language, tokens)
        return None if before is None or after is None else before - after


def open_references(name: str) -> list[ReferenceRun]:
    """Open the runs that ship (``shipped``), those of a file, or a run folder.

    Raises MindError for what is none of these, with the place of what is wrong.
    """
    if name == SHIPPED:
        file = resources.files("mind_train").joinpath("references", "curves.json")
        return _parsed(file.read_bytes(), "the reference curves that ship")
    path = Path(name)
    if path.is_dir():
        return [run_as_reference(path)]
    if not path.is_file():
        raise UsageError(
            f"--reference {name}: there is no such file", hint="shipped, a file, or a run folder"
        )
    with path.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise MindError(f"{path} is larger than {MAX_BYTES >> 20} MiB", hint="give another file")
    return _parsed(content, str(path))


def run_as_reference(run: Path) -> ReferenceRun:
    """Take a run folder as a reference: its last held-out losses, its model from a checkpoint."""
    from mind_train.checkpoint import find_checkpoint, read_config
    from mind_train.flops import body_of

    curves = curves_of(run)
    if not curves:
        raise MindError(
            f"{run} has no held-out loss in bits per byte",
            hint="its shards need a validation split: mind-tok encode --validation 0.01",
        )
    try:
        architecture, config = read_config(find_checkpoint(run)[0])
    except MindError:  # a run may be young, or its checkpoints be elsewhere
        return ReferenceRun(run.name, "unknown", None, "its own", "", curves)
    return ReferenceRun(run.name, architecture, body_of(config), "its own", "", curves)


def curves_of(run: Path) -> dict[str, Points]:
    """Read the held-out bits per byte of each language over tokens from a run's metrics."""
    curves: dict[str, list[tuple[float, float]]] = {}
    tokens = 0.0
    for line in read_metrics(run / METRICS):
        # Evaluations do not say tokens themselves: the step before them does.
        tokens = line.get("tokens", tokens)
        for language, score in line.get("languages", {}).items():
            if score.get("bits_per_byte") is not None:
                curves.setdefault(language, []).append((tokens, score["bits_per_byte"]))
    return {name: tuple(points) for name, points in sorted(curves.items())}


def _parsed(content: bytes, said: str) -> list[ReferenceRun]:
    try:
        whole = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise MindError(f"{said}: not JSON", cause=error, hint="give another file") from None
    runs = whole.get("runs") if isinstance(whole, dict) else None
    if not isinstance(runs, list) or whole.get("format") != FORMAT or not runs:
        raise MindError(
            f"{said}: no reference curves",
            cause=f'a file of them has "format": "{FORMAT}" and "runs"',
            hint="benchmarks/reference_curves.py makes one of run folders",
        )
    return [_run(one, f"{said}, run {number}") for number, one in enumerate(runs, 1)]


def _run(one: Any, said: str) -> ReferenceRun:
    try:
        curves = {
            str(language): tuple((float(x), float(y)) for x, y in points)
            for language, points in one["curves"].items()
        }
        body = None if one.get("body") is None else int(one["body"])
        words = [str(one[key]) for key in ("name", "architecture", "text", "command")]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MindError(f"{said}: not as it should be", cause=repr(error)) from None
    # Sizes are compared by their logarithms.
    if body is not None and body < 1:
        raise MindError(
            f"{said}: body is {body}", hint="the parameters of its layers, or null if not known"
        )
    for language, points in curves.items():
        tokens = [x for x, _ in points]
        values = [*tokens, *(y for _, y in points)]
        sound = all(math.isfinite(value) and value >= 0 for value in values)
        # Rising without equals: a line between two losses at one place has no slope.
        if not points or not sound or tokens != sorted(set(tokens)):
            raise MindError(
                f"{said}: the curve {language} is no series of rising tokens and finite losses"
            )
    return ReferenceRun(words[0], words[1], body, words[2], words[3], curves)
