"""The plugins of mind-train, loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mind_core.plugins import Plugins

TOOL = "mind-train"


def load_plugins(files: Sequence[str | Path] = ()) -> Plugins:
    """Load the built-ins and the given plugin files; installed plugins wait to be asked for."""
    from mind_train import builtins, hookspecs

    return Plugins("mind_train", hookspecs, builtins, files)
