"""Train a byte-level BPE through `tokenizers`, cut as GPT-2 cuts, with the tools' own tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from mind_core import MindError
from mind_core.special_tokens import CONTROL_TOKENS, PII_TOKENS
from mind_tok.bytelevel_file import alphabet, as_tokenizer_json
from mind_tok.surrogates import packed

_BYTES = 256
_NAMES = (*CONTROL_TOKENS, *PII_TOKENS)


def train_bytelevel(texts: Iterable[str], vocab_size: int, min_frequency: int) -> bytes:
    """Return a `tokenizer.json` of exactly `vocab_size` entries.

    Ids: the 256 bytes, what was merged, then the control tokens and masks as added tokens. The same
    texts give the same bytes: pairs of equal counts are merged in the order of their ids.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    entries = _entries(vocab_size)
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=entries,
        min_frequency=min_frequency,
        show_progress=False,
        # All 256, also bytes that no text has: nothing is ever unknown.
        initial_alphabet=alphabet(),
        # Not by the trainer, which would give them the lowest ids, below the bytes.
        special_tokens=[],
    )
    seen = _CountingTexts(texts)
    trained.train_from_iterator(seen, trainer)
    model = orjson.loads(trained.to_str())["model"]
    merges = [(left, right) for left, right in model["merges"]]
    return _finished(dict(model["vocab"]), merges, vocab_size, seen.characters)


def train_bytelevel_counts(
    counts: Iterable[tuple[str, int]], vocab_size: int, min_frequency: int
) -> bytes:
    """Return what `train_bytelevel` returns of texts with these words, and how often they occur."""
    from mind_tok.bytelevel_merges import learn_merges

    entries = _entries(vocab_size)
    words = list(counts)
    return _finished(*learn_merges(words, entries, min_frequency), vocab_size, len(words))


def _entries(vocab_size: int) -> int:
    """Return how many entries are bytes and merges; raise `MindError` if there is no room."""
    least = _BYTES + len(_NAMES)
    if vocab_size < least:
        raise MindError(
            f"a vocabulary of {vocab_size:,} is too small",
            cause=f"the bytes and special tokens alone take {least}",
            hint=f"--vocab-size {least + 1} or more",
        )
    return vocab_size - len(_NAMES)


def _finished(
    vocab: dict[str, int], merges: list[tuple[str, str]], vocab_size: int, seen: int
) -> bytes:
    """Return the file; raise `MindError` if too little was seen for so many entries."""
    if not seen:
        raise MindError(
            "there is no text to train on",
            hint="check that the records have `text`, and that --share names their languages",
        )
    most = len(vocab) + len(_NAMES)
    if most != vocab_size:
        raise MindError(
            f"the text is too little for a vocabulary of {vocab_size:,}",
            cause=f"it gives {most:,} entries at most",
            hint=f"--vocab-size {most}, or more text",
        )
    added = [(len(vocab) + i, name, name in CONTROL_TOKENS) for i, name in enumerate(_NAMES)]
    return as_tokenizer_json(vocab, merges, added)


class _CountingTexts:
    """Give texts, and know whether there were any."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = texts
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        for text in self._texts:
            packed([text], None)  # half a surrogate pair is named here
            self.characters += len(text)
            yield text
