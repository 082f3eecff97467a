"""Checks of a model's description that a user can get wrong, each with a hint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mind_core import MindError


def check_sizes(config: Any, *names: str) -> None:
    """Refuse sizes below 1, heads that do not divide the width, and an odd head size."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise MindError(
                f"model.{name} must be a whole number of at least 1, not {value!r}",
                hint=f"--set model.{name}=N, or choose a preset with --set model.preset=tiny",
            )
    if config.dim % config.heads or (config.dim // config.heads) % 2:
        raise MindError(
            f"model.dim {config.dim} does not split into {config.heads} heads of an even size",
            hint="choose dim = heads × 64, for example",
        )


def check_choice(config: Any, name: str, choices: Sequence[str]) -> None:
    """Refuse a value that is not one of the choices."""
    value = getattr(config, name)
    if value not in choices:
        raise MindError(
            f"model.{name} = {value!r} is not known", hint="one of " + ", ".join(choices)
        )
