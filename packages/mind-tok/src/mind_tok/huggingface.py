"""Any `tokenizer.json`, encoded by Hugging Face's own library: for tokenizers of other models."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mind_core import MindError
from mind_core.component_calls import calling, is_interrupt
from mind_core.errors import UsageError
from mind_core.files import atomic_file, atomic_folder, write_manifest
from mind_core.special_tokens import CONTROL_TOKENS, END, PII_TOKENS
from mind_core.summary import version_of
from mind_core.untrusted import inside
from mind_core.whole_files import read_whole
from mind_tok.bytelevel_file import token_bytes
from mind_tok.fast_engine import EngineForLargeInput, FastEngine, fast_engine, with_ends
from mind_tok.surrogates import refuse_surrogates
from mind_tok.tokenizer import FORMAT, VERSION, Token, Tokenizer
from mind_tok.tokenizer_bounds import check_tokenizer

# Worker processes are what -j is for; threads inside of them would fight.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

FILE = "tokenizer.json"
ENDS = (END, "</s>", "<eos>", "<|end_of_text|>", "<|eos|>", "<｜end▁of▁sentence｜>", "<|im_end|>")
"""What the end of a document is called in well-known models."""


_MIN_LARGE_BYTES = 1 << 18
"""Characters that the library encodes while the faster one would be loaded."""


class HuggingFaceTokenizer(Tokenizer):
    """Hold one `tokenizer.json`. Whether it is exact is up to it: `mind-tok inspect` shows."""

    def __init__(self, data: bytes, manifest: dict[str, Any]) -> None:
        self.data = data
        self.sha256 = hashlib.sha256(data).hexdigest()
        try:
            content = orjson.loads(data)
            added = content.get("added_tokens") or []
            # Special tokens are those that no text may make: a page that spells one stays text.
            self.control = {int(row["id"]) for row in added if row["special"]}
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise MindError("this is no tokenizer.json", cause=error) from None
        self._full = _load(content)
        self.vocab_size = 1 + max(self._full.get_vocab(with_added_tokens=True).values(), default=-1)
        # An entry takes a byte at least; an id of 2³⁰ in a small file would make tables
        # of gigabytes.
        if self.vocab_size > len(data):
            raise MindError(
                f"this tokenizer.json has an id {self.vocab_size - 1:,}",
                cause=f"no more than {len(data):,} entries fit into its bytes",
            )
        self.special_ids = manifest.get("special_tokens") or self._special_ids()
        self.control |= {i for name, i in self.special_ids.items() if name in CONTROL_TOKENS}
        # Then entries are written in GPT-2's alphabet, a letter for each byte.
        self._byte_level = b'"ByteLevel"' in data
        self.manifest = manifest or {
            "format": FORMAT,
            "version": VERSION,
            "kind": "huggingface",
            "component": "huggingface",
            "vocab_size": self.vocab_size,
            "special_tokens": self.special_ids,
            "sha256": self.sha256,
            "size": len(data),
            "versions": {name: version_of(name) for name in ("mind-tok", "tokenizers")},
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return (HuggingFaceTokenizer, (self.data, self.manifest))

    @cached_property
    def _plain(self) -> Any:
        """Return the tokenizer without control tokens: no text can forge one."""
        content = orjson.loads(self.data)
        rows = content.get("added_tokens") or []
        content["added_tokens"] = [row for row in rows if int(row["id"]) not in self.control]
        # It would add tokens of its own around each text.
        content["post_processor"] = None
        return _load(content)

    @cached_property
    def _ids(self) -> NDArray[np.int32]:
        """Return the id of each one of the tokenizer without control tokens: added tokens move up
        there into the places of those that are left out.
        """
        known = self._plain.get_vocab(with_added_tokens=True)
        ids = np.full(1 + max(known.values(), default=-1), -1, np.int32)
        for text, i in known.items():
            # By their texts, as both know the same entries under other numbers.
            ids[i] = self._full.token_to_id(text)
        return ids

    @property
    def full(self) -> Any:
        """Return the library's tokenizer, for which texts can spell control tokens."""
        return self._full

    @cached_property
    def _engine(self) -> EngineForLargeInput:
        """Return the faster library, for much text, if it is there and gives the same."""

        def make() -> FastEngine | None:
            return fast_engine(orjson.loads(self._plain.to_str()), self._rows)

        return EngineForLargeInput(make, _MIN_LARGE_BYTES)

    def _rows(self, texts: Sequence[str]) -> list[Sequence[int]]:
        with calling("the tokenizers library", "this tokenizer.json"):
            rows = self._plain.encode_batch_fast(list(texts), add_special_tokens=False)
        return [row.ids for row in rows]

    def warm_up(self) -> None:
        """Load the library that encodes faster, before worker processes are made."""
        if self._engine.now() is None:
            self._rows([" "])

    def encode_arrays(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the ids of each text."""
        ids, ends = self.encode_flat(texts)
        return np.split(ids, ends[:-1]) if len(texts) else []

    def encode_flat(
        self,
        texts: Sequence[str],
        end_id: int = -1,
        encoded: Sequence[bytes] | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids of all texts end to end, and where each text's end."""
        del encoded
        for text in texts:
            # Half a surrogate pair has no UTF-8: told with its place, before the library meets it.
            refuse_surrogates(text)
        engine = self._engine.after(sum(map(len, texts)))
        if engine is not None:
            ids, ends = engine.encode(texts)
        else:
            rows = self._rows(texts)
            ids = np.concatenate([np.zeros(0, np.int64), *(np.array(r, np.int64) for r in rows)])
            ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
        return with_ends(self._ids[ids], ends, end_id)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, as the library puts it together."""
        row = [int(i) for i in ids]
        for i in row:
            if not 0 <= i < self.vocab_size:
                raise MindError(
                    f"there is no token {i} in a vocabulary of {self.vocab_size:,}",
                    hint="decode with the tokenizer that the ids were made with",
                )
        with calling("the tokenizers library", "this tokenizer.json"):
            text: str = self._full.decode([i for i in row if i not in self.control])
        return text

    def vocabulary(self) -> list[Token]:
        """Return all entries in the order of their ids; a gap is an unknown entry."""
        rows = [Token(b"", "unknown")] * self.vocab_size
        masks = {self.special_ids[name] for name in PII_TOKENS if name in self.special_ids}
        for text, i in self._full.get_vocab(with_added_tokens=True).items():
            rows[i] = self._token(text, i, masks)
        return rows

    def save(self, folder: str | Path) -> None:
        """Write `tokenizer.json` and the manifest."""
        with atomic_folder(folder) as partial:
            with atomic_file(partial / FILE) as file:
                file.write(self.data)
            write_manifest(partial, self.manifest)

    def _token(self, text: str, i: int, masks: set[int]) -> Token:
        if i in self.control or i in masks:
            return Token(text.encode(), "mask" if i in masks else "control")
        # <0xE4>: how models with byte fallback call a byte.
        if text[:3] == "<0x" and len(text) == 6:
            return Token(bytes([int(text[3:5], 16)]), "byte")
        if not self._byte_level:
            return Token(text.replace("\u2581", " ").encode(), "text")
        data = token_bytes(text)
        return Token(data, "byte" if len(data) == 1 and data[0] >= 0x80 else "text")

    def _special_ids(self) -> dict[str, int]:
        found = {name: self._full.token_to_id(name) for name in (*CONTROL_TOKENS, *PII_TOKENS)}
        ids = {name: i for name, i in found.items() if i is not None}
        ends = (self._full.token_to_id(name) for name in ENDS)
        end = next((i for i in ends if i is not None), None)
        return ids if end is None else {**ids, END: end}


@dataclass(frozen=True)
class HuggingFace:
    """Any tokenizer.json, through Hugging Face's tokenizers; made by `mind-tok convert`."""

    def train(self, _: Iterable[str], __: int) -> HuggingFaceTokenizer:
        """Refuse: such a tokenizer is taken over from a model."""
        raise UsageError("a huggingface tokenizer is not trained here", hint="`mind-tok convert`")

    def load(self, folder: Path, manifest: dict[str, Any]) -> HuggingFaceTokenizer:
        """Return the tokenizer of a folder; raise `MindError` if its file is not what it was."""
        path = inside(folder, FILE)
        data = read_whole(path)
        if hashlib.sha256(data).hexdigest() != manifest.get("sha256"):
            raise MindError(
                f"{path} is not the file that its manifest describes",
                cause="its SHA-256 differs: it was changed, or cut",
                hint="take the folder again from where it was made",
            )
        return HuggingFaceTokenizer(data, manifest)


def _load(content: Any) -> Any:
    import tokenizers

    check_tokenizer(content)
    try:
        return tokenizers.Tokenizer.from_str(orjson.dumps(content).decode())
    except BaseException as error:  # the library raises plain Exception, or Rust's panics
        if is_interrupt(error):
            raise
        raise MindError("tokenizers cannot read this tokenizer.json", cause=error) from None
