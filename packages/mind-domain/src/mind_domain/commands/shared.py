"""What the verbs share: their plugins, and options that are one of a few words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mind_core.errors import UsageError

if TYPE_CHECKING:
    from mind_core.plugins import Plugins


def load_plugins(files: Sequence[Path] | None) -> Plugins:
    """Load the built-ins and plugins from files."""
    from mind_domain.pipeline import make_plugins

    return make_plugins(files or [])


def require_one_of(flag: str, value: str, known: Sequence[str]) -> None:
    """Raise `UsageError` for a value that is none of those known."""
    if value not in known:
        raise UsageError(f"{flag} {value!r}", hint=f"one of {', '.join(known)}")


def require_log(places: list[str], log: Path | None) -> None:
    """Refuse to pay for answers that nothing keeps."""
    if log is None and any(place.startswith(("http://", "https://")) for place in places):
        raise UsageError(
            "answers of a server are paid for, and nothing keeps them",
            hint="--log FILE.jsonl; a run that was killed goes on from there",
        )
