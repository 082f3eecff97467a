"""Add Chinese tokens to a byte-level BPE, as MindLLM-1.3B does to GPT-2's.

The tokens of a Chinese SentencePiece model follow the old ones as added tokens: found in texts
before the old merges, the longest first. Every old token keeps its id, and a text without a new
token keeps its ids. (The released model has them in `added_tokens.json`, with GPT-2's own
`vocab.json` and `merges.txt` unchanged beside it.)
"""

from __future__ import annotations

import re

import orjson

from mind_core.errors import UsageError
from mind_core.special_tokens import CONTROL_TOKENS, PII_TOKENS
from mind_core.text.scripts import HAN
from mind_tok.bytelevel import ByteLevelTokenizer
from mind_tok.sentencepiece_model import NORMAL, ModelFile

_CHINESE = re.compile(f"(?=.*[{HAN}\u3000-\u303f\uff00-\uffef])[^\\s\u2581]+")
_LETTERS = re.compile("[A-Za-z0-9]")


def extend(
    old: ByteLevelTokenizer, model: ModelFile, max_tokens: int | None = None
) -> ByteLevelTokenizer:
    """Return a tokenizer with the control tokens and masks that are missing, then Chinese tokens.

    At most `max_tokens` Chinese ones: single characters first, then in the order of the model,
    which is that of their merges. Raises `UsageError` if the model has none that are new.
    """
    texts = chinese_tokens(model)
    rows = old.encode_batch(texts)
    # One token in the old tokenizer already: it would only be there a second time.
    new = [text for text, ids in zip(texts, rows, strict=True) if len(ids) > 1]
    if max_tokens is not None:
        # Sorting is stable: characters come first, and each kind in the order of the model.
        kept = set(sorted(new, key=lambda text: len(text) > 1)[:max_tokens])
        new = [text for text in new if text in kept]
    if not new:
        raise UsageError(
            "the second tokenizer has no Chinese tokens that are new",
            hint="train one on Chinese: mind-tok train --share zh=1",
        )
    # GPT-2 has an end token alone: conversations and masks need the others.
    missing = [name for name in (*CONTROL_TOKENS, *PII_TOKENS) if name not in old.special_ids]
    names = [*missing, *new]
    content = orjson.loads(old.data)
    first = old.vocab_size
    content["added_tokens"] = [
        *(content.get("added_tokens") or []),
        *(
            {
                "id": first + number, "content": name, "single_word": False, "lstrip": False,
                "rstrip": False, "normalized": False, "special": name in CONTROL_TOKENS,
            }
            for number, name in enumerate(names)
        ),
    ]  # fmt: skip
    replaced = {first + i: ids for i, ids in enumerate(old.encode_batch(names))}
    return ByteLevelTokenizer(orjson.dumps(content), {}, replaced)


def chinese_tokens(model: ModelFile) -> list[str]:
    """Return the entries with a Chinese character or mark, without Latin letters and spaces.

    So no English text holds one of them: its quotation marks and dashes are no Chinese marks.
    """
    return [
        piece.text
        for piece in model.pieces
        if piece.kind == NORMAL
        and _CHINESE.fullmatch(piece.text)
        and not _LETTERS.search(piece.text)
    ]
