"""The tokenizer that a Hugging Face folder brings, as one of ours, and the texts beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.files import read_json
from mind_core.special_tokens import END
from mind_core.untrusted import as_written
from mind_tok import Tokenizer
from mind_tok.convert import read_any
from mind_tok.huggingface import FILE, HuggingFaceTokenizer

CONFIG = "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
TEXTS = (CONFIG, TOKENIZER_CONFIG, "special_tokens_map.json", "added_tokens.json",
         "generation_config.json", "chat_template.jinja")  # fmt: skip


def read_foreign(folder: Path) -> Tokenizer:
    """Read a folder's tokenizer; what ends a text is its eos_token, as its texts name it.

    Raises MindError for a folder without one that can be read, or whose end is not known.
    """
    file = folder / FILE
    try:
        tokenizer: Tokenizer = (
            HuggingFaceTokenizer(file.read_bytes(), {}) if file.is_file() else read_any(folder)
        )
    except MindError as error:
        raise MindError(
            f"{folder} has no tokenizer that can be read", cause=error.message,
            hint="give one with -t; `mind-tok convert` makes a folder of what others ship",
        ) from None  # fmt: skip
    end = _end_of(folder, tokenizer)
    if end is None and END not in tokenizer.special_ids:
        raise MindError(
            f"{folder} does not say which token ends a text",
            hint="add eos_token to its tokenizer_config.json",
        )
    if end is not None:
        tokenizer.special_ids = {**tokenizer.special_ids, END: end}
        tokenizer.manifest["special_tokens"] = tokenizer.special_ids
    return tokenizer


def texts_of(folder: Path) -> dict[str, str]:
    """Read the texts beside the weights, which an exported folder is to have again."""
    return {n: (folder / n).read_text("utf-8") for n in TEXTS if (folder / n).is_file()}


def _end_of(folder: Path, tokenizer: Tokenizer) -> int | None:
    """Find the end token: eos_token of the tokenizer, or else eos_token_id of the model."""
    told = _read(folder / TOKENIZER_CONFIG).get("eos_token")
    # A special token is a text, or an object with its text in `content`.
    word = told.get("content") if isinstance(told, dict) else told
    if isinstance(word, str):
        data = word.encode()
        found = [i for i, token in enumerate(tokenizer.vocabulary()) if token.data == data]
        if not found:
            raise MindError(
                f"{folder / TOKENIZER_CONFIG}: eos_token {word!r} is no entry of the tokenizer",
                hint="the files do not belong together",
            )
        return found[0]
    ids = _read(folder / CONFIG).get("eos_token_id")
    # Several may end a text: the first is taken for the end of a document.
    first = ids[0] if isinstance(ids, list) and ids else ids
    return first if type(first) is int and 0 <= first < tokenizer.vocab_size else None


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    with as_written(path):
        found = read_json(path)
    return found if isinstance(found, dict) else {}
