"""Which folders machine code may be taken from: those that nobody else can write.

Whoever can write a folder on the way to a file can put another file in its place, and machine code
runs as it is. So a file counts only if it, its folder and all folders above belong to this user or
to root, and none of them can be written by others; a folder with the sticky bit (`/tmp`) may, as
only owners replace what lies in it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def is_private(path: Path) -> bool:
    """Say whether only this user and root can change a file or folder, or put another there."""
    if not hasattr(os, "geteuid"):
        return True  # Windows: the rights of a profile folder are its owner's
    try:
        # A link counts as what it leads to, and so do the folders above.
        at = path.resolve(strict=True)
        return all(_is_ours(one.stat(), one == at) for one in (at, *at.parents))
    except OSError:
        return False


def user_cache() -> Path:
    """Return this user's folder for what can be made again; it is made if it is not there."""
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(caches).expanduser() / "mind-toolkit"
    with suppress(OSError):  # who writes into it tells what is wrong
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _is_ours(found: os.stat_result, is_last: bool) -> bool:
    if found.st_uid not in (os.geteuid(), 0):
        return False
    if not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return True
    # Not the last one: anybody may add files to `/tmp` itself, so nothing is looked for right in
    # it.
    return stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_ISVTX) and not is_last
