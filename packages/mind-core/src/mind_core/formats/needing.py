"""What to say where a format needs a package that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mind_core.errors import MindError


@contextmanager
def needs_pyarrow(path: str | Path, what: str) -> Iterator[None]:
    """Turn a missing pyarrow into an error that says how to get it."""
    try:
        yield
    except ImportError as error:
        raise MindError(
            f"{path} is {what}, which needs pyarrow",
            cause=error,
            hint="pip install 'mind-core[parquet]', or pip install pyarrow",
        ) from None
