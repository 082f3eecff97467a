"""The answer log: append-only, one line an answer, keyed by everything that an answer depends on.

A key is a hash of the weights' fingerprint, the tokenizer, the dtype and the tokens themselves, so
an answer of another model, or to a prompt that has changed since, is never taken. A kill loses at
most the batch that was being read: a line cut short is skipped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from mind_core import MindError
from mind_core.files import make_folder
from mind_core.locks import open_log
from mind_eval.finite import is_finite


class WrittenText(str):
    """What a model wrote, and whether the limit of new tokens, or the context, ended it."""

    __slots__ = ("cut",)
    cut: bool | None
    """None: not noted, in a log of an earlier version."""

    def __new__(cls, text: str, cut: bool | None = None) -> WrittenText:
        """Take a text, and whether it was cut."""
        made = super().__new__(cls, text)
        made.cut = cut
        return made

    def __reduce__(self) -> tuple[type[WrittenText], tuple[str, bool | None]]:
        """Tell how to make it again in another process."""
        return WrittenText, (str(self), self.cut)


Answer = tuple[float, bool] | WrittenText
"""A log-probability in nats and whether greedy decoding writes it; or a written text."""

RANKS = "rank-*.jsonl"


class ResponseCache:
    """Answers by key, those found and those added; without a folder, in memory."""

    def __init__(self, folder: Path | None, rank: int = 0) -> None:
        self.folder = folder
        self.found: dict[str, Answer] = {}
        self.added: dict[str, Answer] = {}
        self._file: BinaryIO | None = None
        if folder is None:
            return
        try:
            make_folder(folder)
            # The logs of all ranks: a run goes on with any number of them, whoever answered before.
            self.found = read_answers(folder)
            path = folder / f"rank-{rank}.jsonl"
            # A kill in the middle of a line: without a line break the next answer would be written
            # behind the torn one, and both would be lost.
            cut = path.exists() and not path.read_bytes().endswith(b"\n")
            self._file = open_log(path)
            if cut:
                self._file.write(b"\n")
                self._file.flush()
        except OSError as error:
            raise MindError(f"the answer log {folder} cannot be written", cause=error) from error

    def get(self, key: str) -> Answer | None:
        """Return the answer under a key, if there is one."""
        return self.found.get(key)

    def add(self, answers: Mapping[str, Answer]) -> None:
        """Add a batch of answers; once this returns, a kill does not lose them.

        Raises `MindError` for a log-probability that is not finite: it is no answer.
        """
        # All are looked at before any is taken in, so that a batch is logged as a whole or not at
        # all.
        for key, answer in answers.items():
            if not isinstance(answer, str) and not is_finite(answer[0]):
                raise MindError(f"the answer under {key} is {answer[0]}, which is not logged")
        self.found.update(answers)
        self.added.update(answers)
        if self._file is not None and answers:
            # One write for all, so that a kill tears one line at most.
            lines = b"".join(_line(key, answer) for key, answer in answers.items())
            self._file.write(lines)
            # To the system, which survives a kill of this process; `close` syncs to the disk once,
            # as a sync for each batch would be slow.
            self._file.flush()

    def close(self) -> None:
        """Sync and close the file."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None


def read_answers(folder: Path) -> dict[str, Answer]:
    """Read every answer of a log; lines cut short, or without a finite number, are left out."""
    found: dict[str, Answer] = {}
    for path in sorted(folder.glob(RANKS)):
        for line in path.read_bytes().split(b"\n"):
            try:
                value = orjson.loads(line)
                key = value["key"]
                answer = _text(value) if "text" in value else (value["nats"], value["greedy"])
            except (orjson.JSONDecodeError, KeyError, TypeError):
                continue
            # `add` logs no such number, but JSON's null may stand in a log of another making.
            if isinstance(answer, str) or is_finite(answer[0]):
                found[key] = answer
    return found


def base_key(parts: Iterable[str]) -> bytes:
    """Hash what all answers of a model share."""
    return hashlib.sha256("\0".join(parts).encode()).digest()


def answer_key(base: bytes, tokens: Sequence[int], more: Any) -> str:
    """Hash what one answer depends on: the model, the tokens, and what was asked of them."""
    told = hashlib.sha256(base)
    # As decimals with commas: 1, 23 and 12, 3 are different texts.
    told.update(b",".join(b"%d" % token for token in tokens))
    told.update(orjson.dumps(more))
    # 128 bits tell any number of answers apart, and keep the log small.
    return told.hexdigest()[:32]


def _text(value: Mapping[str, Any]) -> WrittenText:
    if not isinstance(value["text"], str):
        raise TypeError("no text")
    return WrittenText(value["text"], value.get("cut"))


def _line(key: str, answer: Answer) -> bytes:
    if isinstance(answer, str):
        return orjson.dumps({"key": key, "text": str(answer), "cut": answer.cut}) + b"\n"
    return orjson.dumps({"key": key, "nats": answer[0], "greedy": answer[1]}) + b"\n"


def trimmed(text: str, stops: Sequence[str]) -> str:
    """Cut a text before the first stop string in it."""
    # An empty stop string is found at the start of any text, and would leave nothing of it.
    ends = [place for place in (text.find(stop) for stop in stops if stop) if place >= 0]
    return text[: min(ends)] if ends else text
