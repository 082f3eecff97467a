"""A check for the authors of tokenizer plugins; the built-in ones pass it in our own tests."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.special_tokens import CONTROL_TOKENS, PII_TOKENS
from mind_core.testing import ODD_TEXTS
from mind_tok.tokenizer import Tokenizer, TokenizerKind

FORGED = tuple(f"a {name} b{name}{name}c\n{name}" for name in CONTROL_TOKENS)


def check_tokenizer(
    factory: Callable[..., TokenizerKind], texts: Sequence[str], vocab_size: int, **options: Any
) -> Tokenizer:
    """Assert that a kind of tokenizer is exact, repeatable and cannot be forged; return it.

    Trains on `texts` twice, and tries them, odd texts, and texts that hold the names of control
    tokens.
    """
    kind = factory(**options)
    tokenizer = kind.train(list(texts), vocab_size)
    assert tokenizer.vocab_size == vocab_size == len(tokenizer.vocabulary())
    assert kind.train(list(texts), vocab_size).sha256 == tokenizer.sha256, "two trainings differ"
    tried = [*texts, *ODD_TEXTS, *FORGED, *PII_TOKENS]
    control = {i for name, i in tokenizer.special_ids.items() if name in CONTROL_TOKENS}
    assert {tokenizer.end_id, tokenizer.pad_id} <= control
    rows = tokenizer.encode_batch(tried)
    for text, ids in zip(tried, rows, strict=True):
        assert tokenizer.decode(ids) == text, f"not exact: {text[:80]!r}"
        assert not control & set(ids), f"a control token out of text: {text[:80]!r}"
        assert all(0 <= i < vocab_size for i in ids)
        assert tokenizer.encode(text) == ids, f"alone and in a batch differ: {text[:80]!r}"
    assert tokenizer.decode([tokenizer.end_id, *rows[0], tokenizer.pad_id]) == tried[0]
    _refused(lambda: tokenizer.encode("half \ud83d of a pair"))
    _refused(lambda: tokenizer.decode([vocab_size]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tokenizer")
        tokenizer.save(path)
        for copy in (kind.load(path, tokenizer.manifest), pickle.loads(pickle.dumps(tokenizer))):
            assert copy.sha256 == tokenizer.sha256
            assert copy.special_ids == tokenizer.special_ids
            assert copy.encode_batch(tried) == rows
    return tokenizer


def _refused(call: Callable[[], object]) -> None:
    try:
        call()
    except MindError:
        return
    raise AssertionError("accepted, should be refused with MindError")
