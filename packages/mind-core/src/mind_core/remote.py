"""Files at addresses, read by ranges through fsspec: asked for by name alone, tried again, bounded.

What is read is hashed by whoever reads it, so a file that changes on the way is noticed there.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar, cast

from mind_core.errors import MindError, UsageError

SCHEMES = ("s3", "gs", "hf", "https", "http")
TRIES = 5
FIRST_PAUSE = 0.5
"""Seconds before the second try; each pause is twice the one before."""

BLOCK = 1 << 22
"""Bytes that are asked for at once; a reader holds two of them."""

_ADDRESS = re.compile(rf"(?:{'|'.join(SCHEMES)})://.+")
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HF_TOKEN", "GOOGLE_API_KEY")
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError, ImportError)
"""What another try would meet again."""

T = TypeVar("T")


@dataclass(frozen=True)
class RemoteState:
    """What tells a file at an address from another state of it: size, and a number of its tag."""

    size: int
    mark: int


def is_address(name: object) -> bool:
    """Tell whether a name is an address that can be read."""
    return _ADDRESS.fullmatch(str(name)) is not None


def checked(address: str) -> str:
    """Return an address; raise `UsageError` for one that holds a secret, or has no plain path.

    The plan of a job names its inputs, so signed addresses would be told to all who read it.
    """
    from mind_core.servers import check_address

    check_address(address, "keys come from the environment, such as AWS_SECRET_ACCESS_KEY")
    if "?" in address or "#" in address:
        raise UsageError(
            "an address of an input has a query, which may hold a signature",
            hint="name the file alone; keys come from the environment",
        )
    parts = address.partition("://")[2].rstrip("/").split("/")
    if not all(parts) or {".", ".."} & set(parts):
        raise UsageError(f"{address} is no plain address", hint="scheme://where/path/to/file")
    return address


def find_remote(address: str) -> list[str]:
    """Return the addresses that one stands for: a file, what lies below a folder, a pattern.

    Raises `MindError` where nothing is found, and for a folder at https, which lists nothing.
    """
    scheme = address.partition("://")[0]
    system, path = _system(checked(address))
    # A web server lists no folder, and what the address names is asked for when it is read.
    if scheme.startswith("http"):
        return [address]
    if any(sign in path for sign in "*["):
        found = _tried(address, lambda: system.glob(path))
    elif _tried(address, lambda: system.isdir(path)):
        found = _tried(address, lambda: system.find(path))
    else:
        return [address]
    # Systems differ in whether they give names with the scheme or without.
    named = sorted(f"{scheme}://{str(one).removeprefix(f'{scheme}://')}" for one in found)
    if not named:
        raise MindError(f"there is nothing at {address}", hint="check the address")
    return [checked(one) for one in named]


def state_of(address: str) -> RemoteState:
    """Return size and state of a file at an address; raise `MindError` if there is none."""
    system, path = _system(address)
    info = _tried(address, lambda: system.info(path))
    size = info.get("size")
    if type(size) is not int:
        raise MindError(f"{address} does not say how long it is", hint="fetch it first")
    told = [info.get(name) for name in ("ETag", "etag", "LastModified", "last_commit", "mtime")]
    # No system gives all of these, and one that gives none could have changed at any time.
    tag = "".join(str(one) for one in told if one) or str(time.time_ns())  # then it is read again
    # 15 hexadecimal digits: 60 bits, which stand in plan.json where a file here has its time.
    return RemoteState(size, int(hashlib.sha256(tag.encode()).hexdigest()[:15], 16))


def size_and_mark(path: str) -> tuple[int, int]:
    """Return the size of a file, and its time in ns; at an address, the number of its tag."""
    if is_address(path):
        found = state_of(path)
        return found.size, found.mark
    there = os.stat(path)  # noqa: PTH116
    return there.st_size, there.st_mtime_ns


def open_remote(address: str) -> BinaryIO:
    """Open a file at an address for reading, from any place."""
    return cast(BinaryIO, RemoteReader(address, state_of(address).size))


def open_file(path: str) -> BinaryIO:
    """Open a file, here or at an address, for reading from any place; without a buffer.

    Raises `OSError` for a file here, `MindError` for one at an address.
    """
    if is_address(path):
        return open_remote(path)
    return cast(BinaryIO, open(path, "rb", buffering=0))  # noqa: PTH123 - the caller's


class RemoteReader(io.RawIOBase):
    """Read a file at an address; a read that fails is tried again, from a new connection."""

    def __init__(self, address: str, size: int) -> None:
        super().__init__()
        self.name, self._size, self._at = address, size, 0
        self._file: Any = None

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that any place can be read."""
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place; nothing is asked for yet."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """Return the place that is read next."""
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer; return how many bytes."""
        view = memoryview(buffer).cast("B")
        # Never beyond the size that was told first: a file that grows meanwhile is noticed by its
        # hash.
        wanted = min(len(view), self._size - self._at, BLOCK)
        if wanted <= 0:
            return 0
        data = _tried(self.name, lambda: self._read(wanted), self._let_go)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Let go of the connection."""
        self._let_go()
        super().close()

    def _read(self, size: int) -> bytes:
        if self._file is None:
            system, path = _system(self.name)
            self._file = system.open(path, "rb", block_size=BLOCK, cache_type="readahead")
        self._file.seek(self._at)
        data: bytes = self._file.read(size)
        # An error, so that it is tried again: servers end a connection early and say nothing.
        if not data:
            raise EOFError(f"it ends at {self._at:,} of {self._size:,} bytes")
        return data

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _system(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise MindError(
            f"nothing that reads {address.partition('://')[0]}:// is installed",
            cause=error,
            hint="pip install 'mind-core[remote]'",
        ) from None
    except Exception as error:
        raise _unreadable(address, error) from None
    return system, path


def _tried(address: str, do: Callable[[], T], again: Callable[[], None] = lambda: None) -> T:
    """Do what asks a server, and again after a pause; raise `MindError` without secrets."""
    for attempt in range(TRIES):
        try:
            return do()
        except MindError:
            raise
        except Exception as error:
            # The next try begins with a new connection.
            again()
            if isinstance(error, _FINAL) or attempt + 1 == TRIES:
                raise _unreadable(address, error) from None
            time.sleep(FIRST_PAUSE * 2**attempt)
    raise AssertionError


def _unreadable(address: str, error: Exception) -> MindError:
    """Return the error for an address; what a server says may repeat what it was given."""
    from mind_core.servers import redact

    # The keys that the environment may hold; libraries quote what they sent.
    said = redact(str(error).strip(), *(os.environ.get(name) for name in _SECRETS))
    first = said.splitlines()[0] if said else ""
    hint = "check the address; keys come from the environment, such as AWS_SECRET_ACCESS_KEY"
    if isinstance(error, FileNotFoundError):
        hint = "check the address: nothing is there, or it may not be seen without a key"
    return MindError(
        f"cannot read {address}", cause=f"{type(error).__name__}: {first:.300}", hint=hint
    )
