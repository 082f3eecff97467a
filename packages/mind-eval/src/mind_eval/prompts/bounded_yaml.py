"""YAML as data, whose merge keys become no more than a file of its size holds.

A mapping that merges another one twice (`<<: [*a, *a]`), 40 times over, has 2^40 entries.
"""

from __future__ import annotations

import yaml  # type: ignore[import-untyped]  # it has no types

_MOST = 100_000
"""Entries that all merges of a file may come to; lm-eval's largest has some hundred."""

DAMAGES = (yaml.YAMLError, ValueError, RecursionError)
"""What reading raises; a number of thousands of digits and a day that is none are ValueErrors."""


class BoundedLoader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """Read YAML as data; raise `YAMLError` for merges without end."""

    merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put what a mapping merges into it."""
        super().flatten_mapping(node)
        self.merged += len(node.value)
        if self.merged > _MOST:
            raise yaml.YAMLError(f"its merge keys come to more than {_MOST:,} entries")
