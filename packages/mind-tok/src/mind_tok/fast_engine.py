"""gigatoken under a `tokenizer.json`: the same ids as Hugging Face's library, many times faster.

It keeps what it has seen of words, so its memory grows with new ones; a tokenizer that has grown
over `MAX_GROWTH` is made anew. Where it is not installed (the extra `gigatoken`), or differs on
any of the probes, Hugging Face's own library encodes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mind_core import MindError
from mind_core.errors import UsageError

VARIABLE = "MIND_TOKENIZERS"
GIGATOKEN, TOKENIZERS = "gigatoken", "tokenizers"

MAX_GROWTH = 1 << 30
"""Bytes by which a process may grow before the tokenizer, with all it has kept, is made anew."""

_MAX_ADDED = 1000
"""Added tokens that are tried."""

_CHECK_EVERY = 1 << 24
"""Bytes of text between two looks at the memory."""

PROBES = (
    "", " ", "  ", "\n", " \n\n  x", "It's what we'll say: I'd, you're, DON'T.",
    "a  b\t\tc\r\n\r\nd", "1234567 3.14 2026-11-30 १२३ ½ Ⅳ",
    "机器学习需要大量数据，约３００万条。", "日本語とカタカナ ﾊﾝｶｸ 한국어",
    "naïve café e\u0301 ﬁ Å \u212b", "def f(x):\n    return x**2  # 注释\n",
    "https://example.com/?q=1&r=%20#a", "🙂👩‍👩‍👧🏽 \u200b\u00ad\ufeff\u2028x\u3000y\u00a0z",
    "𠮷野家\U000f0000\x00\x1b", "…“”‘’—«»", "ÀÉ ß ẞ İ ı", "<|endoftext|><s></s><unk>[INST]",
    "x" * 300, "!?" * 99, "ab" * 99 + " " * 70 + "中" * 99,
)  # fmt: skip
"""Texts on which tokenizers differ if they do: spaces, contractions, digits, marks, scripts."""


class FastEngine:
    """Encode texts with a `tokenizer.json` whose control tokens are taken out."""

    def __init__(self, content: str) -> None:
        self._content = content
        self._made = self._make()
        self._base, self._since = _resident(), 0

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids of all texts end to end, and where each text's end."""
        if not texts:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._bound(sum(map(len, texts)))
        layout = self._made.encode_batch(list(texts), parallel=False).layout
        offsets = np.asarray(layout.offsets.data, np.int64)
        ids = np.asarray(layout.content.data)[offsets[0] : offsets[-1]]
        return ids.astype(np.int64), offsets[1:] - offsets[0]

    def _make(self) -> Any:
        import gigatoken

        return gigatoken.Tokenizer.from_json(self._content)

    def _bound(self, size: int) -> None:
        self._since += size
        if self._since >= _CHECK_EVERY:
            self._since = 0
            if _resident() - self._base > MAX_GROWTH:
                # The cache of words goes with the old one; it has no bound of its own.
                self._made = self._make()
                self._base = _resident()


def fast_engine(
    content: Any, reference: Callable[[Sequence[str]], list[Sequence[int]]]
) -> FastEngine | None:
    """Return an engine that gives what `reference` gives on all probes; None if there is none.

    Raises `MindError` where there is none and `MIND_TOKENIZERS` says that there has to be.
    """
    if wanted_engine() == TOKENIZERS:
        return None
    engine = _right_engine(content, reference)
    if engine is None and os.environ.get(VARIABLE) == GIGATOKEN:
        raise MindError(
            f"{VARIABLE}={GIGATOKEN}, and it does not give the ids of this tokenizer",
            cause="it cannot read the tokenizer, or differs from Hugging Face's library on a probe",
            hint=f"leave {VARIABLE} out: Hugging Face's library encodes then",
        )
    return engine


def _right_engine(
    content: Any, reference: Callable[[Sequence[str]], list[Sequence[int]]]
) -> FastEngine | None:
    try:
        engine = FastEngine(orjson.dumps(content).decode())
        added = [row["content"] for row in content.get("added_tokens") or ()]
        # Added tokens within words, after a space and before a break: where libraries
        # find them differs.
        probes = [*PROBES, *(f"a{text} {text}b\n" for text in added[:_MAX_ADDED])]
        ids, ends = engine.encode(probes)
    except BaseException as error:  # a panic of Rust's is no Exception
        # What stops the run is no fault of the library.
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return None
    found = [row.tolist() for row in np.split(ids, ends[:-1])]
    return engine if found == [list(row) for row in reference(probes)] else None


class EngineForLargeInput:
    """Make an engine once there is much text: that takes seconds, which few texts do not."""

    def __init__(self, make: Callable[[], FastEngine | None], after: int) -> None:
        self._make, self._after = make, after
        self._seen, self._asked = 0, False
        self._engine: FastEngine | None = None

    def after(self, size: int) -> FastEngine | None:
        """Return the engine if so much text has come that it pays; `size` is that of the next."""
        self._seen += size
        return self.now() if self._seen > self._after else None

    def now(self) -> FastEngine | None:
        """Return the engine, made if it is not yet; None if there is none."""
        if not self._asked:
            # Asked once: where there is none, each batch would try in vain.
            self._asked, self._engine = True, self._make()
        return self._engine


def with_ends(
    ids: NDArray[np.int32], ends: NDArray[np.int64], end_id: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return ids with `end_id` behind each text's, and their new ends; as they are if negative."""
    if end_id < 0:
        return ids, ends
    # Each text's end moves by its own end token and by those of the texts before.
    return np.insert(ids, ends, np.int32(end_id)), ends + np.arange(1, len(ends) + 1)


@cache
def wanted_engine() -> str:
    """Return which library encodes: what `MIND_TOKENIZERS` says, else gigatoken if it is there."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", GIGATOKEN, TOKENIZERS):
        raise UsageError(f"{VARIABLE}={wanted} is neither {GIGATOKEN} nor {TOKENIZERS}")
    found = find_spec(GIGATOKEN) is not None
    if wanted == GIGATOKEN and not found:
        raise UsageError(
            f"{VARIABLE}={wanted}, and it is not installed",
            hint="pip install 'mind-tok[gigatoken]'",
        )
    return wanted or (GIGATOKEN if found else TOKENIZERS)


def _resident() -> int:
    """Return the memory of this process in bytes; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
