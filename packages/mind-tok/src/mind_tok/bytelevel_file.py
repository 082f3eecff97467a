"""Read byte-level BPE files: `tokenizer.json`, or `vocab.json` with `merges.txt` as GPT-2 ships."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from mind_core import MindError
from mind_core.files import atomic_file
from mind_core.untrusted import as_written
from mind_core.whole_files import read_whole

VOCAB_NAMES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
"""As Hugging Face names them, and as OpenAI did."""


@dataclass(frozen=True)
class ByteLevelFile:
    """What a byte-level BPE file says; texts of `vocab` and `merges` are in GPT-2's alphabet."""

    vocab: Mapping[str, int]
    merges: list[tuple[str, str]]
    added: Mapping[int, str]
    """Tokens found in texts before anything else, by id."""
    special: set[int]
    """Those of them that are marked special."""

    def entries(self) -> list[bytes]:
        """Return the bytes of each entry in the order of ids; raise `MindError` for a gap."""
        rows: dict[int, bytes] = {i: token_bytes(text) for text, i in self.vocab.items()}
        # Added tokens are plain text, not in GPT-2's alphabet, also where `vocab` has them too.
        rows.update((i, text.encode()) for i, text in self.added.items())
        # Decoding takes an entry by its id as a place: with a gap all behind it would be others.
        if sorted(rows) != list(range(len(rows))):
            raise MindError(
                "the ids of the vocabulary have gaps",
                hint="entries are numbered from 0 on, added tokens behind them",
            )
        return [rows[i] for i in range(len(rows))]


def read_bytelevel(data: bytes) -> ByteLevelFile:
    """Read a `tokenizer.json` that cuts and merges as GPT-2's.

    Raises `MindError` if it is something else.
    """
    try:
        content = orjson.loads(data)
        model = content["model"]
        vocab = {str(text): int(i) for text, i in model["vocab"].items()}
        merges = [_merge(row) for row in model["merges"]]
        added = {int(row["id"]): str(row["content"]) for row in content.get("added_tokens") or []}
        special = {int(row["id"]) for row in content.get("added_tokens") or [] if row["special"]}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise MindError("this is no tokenizer.json of a BPE model", cause=error) from None
    with as_written("this tokenizer.json"):
        reason = _why_not(content, vocab, merges)
    if reason:
        raise MindError("this is no byte-level BPE as GPT-2's", cause=reason)
    return ByteLevelFile(vocab, merges, added, special)


def find_pair(folder: Path) -> tuple[Path, Path] | None:
    """Return the vocabulary and the merges of a folder, or None."""
    for names in VOCAB_NAMES:
        vocab, merges = (folder / name for name in names)
        if vocab.is_file() and merges.is_file():
            return vocab, merges
    return None


def from_pair(vocab: Path, merges: Path, special: Iterable[str]) -> bytes:
    """Return the `tokenizer.json` of two files; tokens named in `special` are control tokens."""
    ids = orjson.loads(read_whole(vocab))
    rows = [line.split(" ") for line in read_whole(merges).decode("utf-8").split("\n") if line]
    # A heading and no merge: `#version: 0.2` in GPT-2's own file.
    if rows and rows[0][0] == "#version:":
        del rows[0]
    if not isinstance(ids, dict) or any(len(row) != 2 for row in rows):
        raise MindError(f"{vocab} and {merges} are no vocabulary and merges of GPT-2's form")
    return as_tokenizer_json(
        ids, [(a, b) for a, b in rows], [(ids[name], name, True) for name in special if name in ids]
    )


def as_tokenizer_json(
    vocab: Mapping[str, int],
    merges: Iterable[tuple[str, str]],
    added: Iterable[tuple[int, str, bool]],
) -> bytes:
    """Return a `tokenizer.json` for Hugging Face's libraries; `added` is (id, text, special)."""
    step = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    content: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": special,
            }
            for i, text, special in sorted(added)
        ],
        "normalizer": None,
        "pre_tokenizer": step,
        "post_processor": None,
        "decoder": step,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "ignore_merges": False,
            "vocab": dict(sorted(vocab.items(), key=lambda item: item[1])),
            "merges": [list(pair) for pair in merges],
        },
    }  # fmt: skip
    return orjson.dumps(content)


@cache
def _bytes_of() -> dict[str, int]:
    """Return GPT-2's alphabet: printable Latin-1 stands for itself, the rest from U+0100 on."""
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in kept]
    letters = {chr(byte): byte for byte in kept}
    return letters | {chr(0x100 + i): byte for i, byte in enumerate(others)}


@cache
def alphabet() -> list[str]:
    """Return the letter of each byte, (256,)."""
    return [text for text, _ in sorted(_bytes_of().items(), key=lambda item: item[1])]


def token_bytes(text: str) -> bytes:
    """Return the bytes that an entry stands for; one not in GPT-2's alphabet is UTF-8 itself."""
    letters = _bytes_of()
    try:
        return bytes([letters[c] for c in text])
    except KeyError:
        return text.encode()


def _merge(row: Any) -> tuple[str, str]:
    # Older files write a merge as one string, newer ones as a pair.
    left, right = row.split(" ") if isinstance(row, str) else row
    return str(left), str(right)


def _why_not(
    content: Mapping[str, Any], vocab: Mapping[str, int], merges: list[tuple[str, str]]
) -> str | None:
    """Return what is not as in GPT-2, or None."""
    model, step = content["model"], content.get("pre_tokenizer") or {}
    if model.get("type", "BPE") != "BPE":
        return f"its model is {model.get('type')}"
    if step.get("type") != "ByteLevel" or step.get("add_prefix_space"):
        return "it cuts words by another rule"
    # Our loops cut by GPT-2's pattern always, and see the text as it is.
    if not step.get("use_regex", True) or content.get("normalizer"):
        return "it changes texts, or does not cut them"
    unusual = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback",
               "ignore_merges")  # fmt: skip
    if found := [name for name in unusual if model.get(name)]:
        return f"it has {', '.join(found)}"
    # A byte without an entry could not be written, and texts would be lost.
    if not set(alphabet()) <= set(vocab):
        return "some bytes have no entry"
    if any(name not in vocab for a, b in merges for name in (a, b, a + b)):
        return "a merge names an entry that is not there"
    rows = content.get("added_tokens") or []
    if any(row.get("lstrip") or row.get("rstrip") or row.get("single_word") for row in rows):
        return "its added tokens take spaces with them"
    return None


REPLACED = "replaced.jsonl"


def write_replaced(path: Path, replaced: Mapping[int, Sequence[int]], entries: list[bytes]) -> None:
    """Write one JSON object a line: `id`, `token` and `replaced`, the older ids of its text."""
    with atomic_file(path) as file:
        for i, older in sorted(replaced.items()):
            row = {"id": i, "token": entries[i].decode("utf-8", "replace"), "replaced": [*older]}
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def read_replaced(path: Path) -> dict[int, list[int]]:
    """Return the older ids of each new one.

    A new row of an embedding starts well at the mean of their rows.
    """
    rows = (orjson.loads(line) for line in read_whole(path).split(b"\n") if line)
    return {int(row["id"]): [int(i) for i in row["replaced"]] for row in rows}
