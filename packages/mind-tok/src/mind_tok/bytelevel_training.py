"""Train a byte-level BPE through `tokenizers`, cut as GPT-2 cuts, with the tools' own tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from mind_core import MindError
from mind_core.special_tokens import CONTROL_TOKENS, PII_TOKENS
from mind_tok.bytelevel_file import alphabet, as_tokenizer_json
from mind_tok.surrogates import packed

_BYTES = 256


def train_bytelevel(texts: Iterable[str], vocab_size: int, min_frequency: int) -> bytes:
    """Return a `tokenizer.json` of exactly `vocab_size` entries.

    Ids: the 256 bytes, what was merged, then the control tokens and masks as added tokens. The same
    texts give the same bytes: pairs of equal counts are merged in the order of their ids.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    names = (*CONTROL_TOKENS, *PII_TOKENS)
    least = _BYTES + len(names)
    if vocab_size < least:
        raise MindError(
            f"a vocabulary of {vocab_size:,} is too small",
            cause=f"the bytes and special tokens alone take {least}",
            hint=f"--vocab-size {least + 1} or more",
        )
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(names),
        min_frequency=min_frequency,
        show_progress=False,
        initial_alphabet=alphabet(),
        special_tokens=[],
    )
    seen = _CountingTexts(texts)
    trained.train_from_iterator(seen, trainer)
    if not seen.characters:
        raise MindError(
            "there is no text to train on",
            hint="check that the records have `text`, and that --share names their languages",
        )
    model = orjson.loads(trained.to_str())["model"]
    vocab, merges = dict(model["vocab"]), [tuple(pair) for pair in model["merges"]]
    if len(vocab) + len(names) != vocab_size:
        most = len(vocab) + len(names)
        raise MindError(
            f"the text is too little for a vocabulary of {vocab_size:,}",
            cause=f"it gives {most:,} entries at most",
            hint=f"--vocab-size {most}, or more text",
        )
    added = [(len(vocab) + i, name, name in CONTROL_TOKENS) for i, name in enumerate(names)]
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
