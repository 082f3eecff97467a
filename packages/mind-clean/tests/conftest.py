"""Everything is compiled before a test looks at the clock."""

from __future__ import annotations

import pytest

from mind_clean.extractors.blocks.extract import Blocks
from mind_clean.transforms.cleanup_flag_loop import search


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Compile the loops that every page goes through, which a machine does once."""
    Blocks().prepare()
    search("")
