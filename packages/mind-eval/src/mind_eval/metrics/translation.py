"""BLEU and chrF of a corpus by sacrebleu, segmented as the target language needs.

sacrebleu's default tokenizer does not segment Chinese: `zh` does (sacrebleu's own). spBLEU (Goyal
et al. 2022) counts the pieces of one SentencePiece model in every language; sacrebleu fetches that
of Flores from the network, here a file is named.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from mind_core.errors import UsageError
from mind_core.whole_files import read_whole

DRAWS = 300


def tokenizer_for(language: str) -> str:
    """Name sacrebleu's tokenizer for a target language."""
    return {"zh": "zh", "ja": "char", "ko": "char"}.get(language.split("-")[0], "13a")


@lru_cache(maxsize=2)
def pieces_of(file: str) -> tuple[Callable[[str], str], str]:
    """Return what cuts a line into pieces, and what identifies the model: its SHA-256's beginning.

    Raises `UsageError` for a file that is no SentencePiece model.
    """
    import sentencepiece

    model = read_whole(file)
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError as error:
        raise UsageError(
            f"--spm {file} is no SentencePiece model",
            cause=" ".join(str(error).split())[:200],
            hint="Flores' is the file that `sacrebleu --tokenize flores200` keeps in "
            "~/.sacrebleu/models",
        ) from None
    return (
        lambda line: " ".join(processor.encode(line, out_type=str)),
        hashlib.sha256(model).hexdigest()[:12],
    )


def corpus_scores(
    written: Sequence[str],
    references: Sequence[str],
    language: str,
    spm: str | None = None,
    errors: bool = True,
) -> dict[str, dict[str, Any]]:
    """Measure a corpus: value, bootstrap error and sacrebleu's signature of BLEU and chrF.

    With `spm`, the file of a SentencePiece model, of spBLEU too. Without `errors` nothing is drawn.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    found = {}
    metrics = {"bleu": BLEU(tokenize=tokenizer_for(language)), "chrf": CHRF()}
    if spm is not None:
        # Pieces come cut already; `force` keeps sacrebleu from warning of that.
        metrics["spbleu"] = BLEU(tokenize="none", force=True)
    for name, metric in metrics.items():
        texts, wanted, named = list(written), list(references), None
        if name == "spbleu":
            cut, named = pieces_of(str(spm))
            texts, wanted = [cut(line) for line in texts], [cut(line) for line in wanted]
        # Counts by sentence, of which both the score and its bootstrap are made: n-grams are
        # counted once.
        statistics = metric._extract_corpus_statistics(texts, [wanted])
        value = metric._aggregate_and_compute(statistics).score
        found[name] = {
            "value": value,
            "error": _error(metric, statistics) if errors else None,
            "signature": _named(named, metric.get_signature()),
        }
    return found


def _named(model: str | None, signature: object) -> str:
    """Name the pieces in a signature, which says of them that the texts came tokenized."""
    return str(signature).replace("tok:none", f"tok:spm-{model}")


def _error(metric: Any, statistics: list[list[float]]) -> float | None:
    """Estimate the standard error: sentences drawn again, their counts added up."""
    import numpy as np

    if len(statistics) < 2:
        return None
    counts = np.array(statistics)
    chance = random.Random(0)
    scores = []
    for _ in range(DRAWS):
        drawn = [chance.randrange(len(counts)) for _ in range(len(counts))]
        scores.append(metric._compute_score_from_stats(counts[drawn].sum(axis=0).tolist()).score)
    return float(np.std(scores, ddof=1))
