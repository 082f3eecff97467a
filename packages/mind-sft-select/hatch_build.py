"""Depend on sibling packages by path inside a checkout, by name anywhere else.

`pip install ./packages/mind-clean` then finds `mind-core` beside it, with no index and no flags.
MIND_SIBLINGS=name turns the paths off: for release wheels, and for several editable installs at
once.
"""

import os
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class SiblingDependencies(MetadataHookInterface):
    """Fill `dependencies` from this hook's `requires` and `siblings` tables."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Write the dependencies into the project's metadata."""
        by_path = os.environ.get("MIND_SIBLINGS", "path") == "path"
        dependencies = list(self.config["requires"])
        for name, versions in self.config["siblings"].items():
            folder = Path(self.root, self.config.get("folder", ".."), name).resolve()
            found = by_path and (folder / "pyproject.toml").is_file()
            dependencies.append(f"{name} @ {folder.as_uri()}" if found else f"{name}{versions}")
        metadata["dependencies"] = dependencies
