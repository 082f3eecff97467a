"""Train a SentencePiece model: the choices that keep it lossless and the same every time."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import sentencepiece

from mind_core import MindError
from mind_core.direct import full_disk_hint
from mind_core.special_tokens import ASSISTANT, END, PAD, PII_TOKENS, UNKNOWN, USER
from mind_tok.sentencepiece_model import without_inputs

LONGEST_LINE = 4096
"""Characters. A longer line is trained on in parts; SentencePiece would leave it out."""

THREADS = 16
"""SentencePiece's default. It is written into the model, and unigram sums in its order, so it is
the same on every machine."""

_QUIET, _LOUD = 2, 0
_RESERVED = "\0\r\u2581\u2585"
"""Characters that mean something to the trainer: a line with one would be left out or refused."""
_RESERVED_RUN = re.compile(f"[{_RESERVED}]+")

_OPEN_FILES = Path("/proc/self/fd")

_TOO_FEW_CHARACTERS = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")
_TOO_LARGE = re.compile(r"Vocabulary size too high \(\d+\).*?<= (\d+)", re.DOTALL)


def train_model(
    texts: Iterable[str],
    vocab_size: int,
    *,
    model_type: str,
    character_coverage: float = 0.9995,
    split_digits: bool = True,
    max_piece_characters: int = 16,
    user_symbols: Sequence[str] = (),
    log: bool = False,
    counts: Iterable[tuple[str, int]] | None = None,
) -> bytes:
    """Return the bytes of a model with exactly `vocab_size` entries.

    Ids: 0 unknown, 1 end, 2 pad, 3 user, 4 assistant, then the masks, the 256 bytes, the pieces.
    Text is left as it is: no Unicode normalisation, no added, removed or joined spaces. Entries
    never cross a space, a line feed or a change of script. With `counts`, units and how often each
    occurs, these are trained on instead of texts (see `counting`).
    """
    output = io.BytesIO()
    arguments: dict[str, Any] = {
        "model_writer": output,
        "model_type": model_type,
        "vocab_size": vocab_size,
        "character_coverage": character_coverage,
        "byte_fallback": True,
        "split_digits": split_digits,
        "max_sentencepiece_length": max_piece_characters,
        # What comes in comes out: any rule here would change texts for good.
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "allow_whitespace_only_pieces": True,
        "control_symbols": [USER, ASSISTANT],
        "user_defined_symbols": [*PII_TOKENS, *user_symbols],
        "unk_id": 0,
        "unk_piece": UNKNOWN,
        "eos_id": 1,
        "eos_piece": END,
        "pad_id": 2,
        "pad_piece": PAD,
        # None: a document begins where the one before ends.
        "bos_id": -1,
        # In bytes: a character has four of them at most.
        "max_sentence_length": 4 * LONGEST_LINE,
        "num_threads": THREADS,
        "minloglevel": _LOUD if log else _QUIET,
    }
    with _nameless_file() as (file, path):
        try:
            if counts is None:
                characters = _write_lines(texts, file)
            else:
                characters, arguments["input_format"] = _write_counts(counts, file), "tsv"
        except OSError as error:
            raise MindError(
                f"cannot write to {tempfile.gettempdir()}, where the sample waits for the trainer",
                cause=error.strerror,
                hint=f"{full_disk_hint(error)}; TMPDIR=/another/folder lets it wait elsewhere",
            ) from error
        try:
            # A list: a string would be cut at commas.
            sentencepiece.SentencePieceTrainer.train(input=[path], **arguments)
        # The trainer tells all faults in a message, from which `_explained` takes numbers.
        except (RuntimeError, OSError) as error:
            raise _explained(error, vocab_size, characters) from None
    return without_inputs(output.getvalue())


@contextmanager
def _nameless_file() -> Iterator[tuple[IO[bytes], str]]:
    """Give a temporary file and a path to read it by; where it can, one that no kill leaves behind.

    SentencePiece reads lines from a file much faster than it is handed them out of Python.
    """
    if _OPEN_FILES.exists():
        with tempfile.TemporaryFile(prefix="mind-") as file:
            yield file, str(_OPEN_FILES / str(file.fileno()))
    else:
        with tempfile.NamedTemporaryFile(prefix="mind-") as named:
            yield named, named.name


def _write_lines(texts: Iterable[str], file: IO[bytes]) -> int:
    """Write the lines of texts, long ones in parts; return the number of characters."""
    characters = 0
    for text in texts:
        if any(mark in text for mark in _RESERVED):
            # A break in its place: no entry reaches over it, and the rest of the line is not lost.
            text = _RESERVED_RUN.sub("\n", text)
        lines = [line for line in text.split("\n") if line]
        if not lines:
            continue
        if max(map(len, lines)) > LONGEST_LINE:
            lines = [
                line[start : start + LONGEST_LINE]
                for line in lines
                for start in range(0, len(line), LONGEST_LINE)
            ]
        characters += sum(map(len, lines))
        file.write("\n".join([*lines, ""]).encode())
    file.flush()
    return characters


def _write_counts(counts: Iterable[tuple[str, int]], file: IO[bytes]) -> int:
    """Write units with their counts as SentencePiece reads them; return the characters of units."""
    characters = 0
    for unit, count in counts:
        characters += len(unit)
        file.write(b"%b\t%d\n" % (unit.encode(), count))
    file.flush()
    return characters


def _explained(error: Exception, vocab_size: int, characters: int) -> MindError:
    message = str(error)
    # Of no text the trainer's own message says little.
    if not characters:
        return MindError(
            "there is no text to train on",
            hint="check that the records have `text`, and that --share names their languages",
        )
    if found := _TOO_LARGE.search(message):
        return MindError(
            f"the text is too little for a vocabulary of {vocab_size:,}",
            cause=f"it gives {int(found[1]):,} entries at most",
            hint=f"--vocab-size {found[1]}, or more text",
        )
    if found := _TOO_FEW_CHARACTERS.search(message):
        return MindError(
            f"a vocabulary of {vocab_size:,} is too small for the characters of this text",
            cause=f"special tokens, bytes and single characters alone take {int(found[1]):,}",
            hint=f"--vocab-size {int(found[1]) + 1} or more, or a lower character_coverage",
        )
    return MindError("SentencePiece could not train", cause=message)
