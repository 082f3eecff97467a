"""What a plugin can add to mind-sft-select."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pluggy

from mind_core import Offers, Record

hookspec = pluggy.HookspecMarker("mind_sft_select")
hookimpl = pluggy.HookimplMarker("mind_sft_select")


class Scorer(Protocol):
    """Score instructions: records with `messages`, each with at least one answer.

    None is for a record that cannot be scored; an attribute `unscored` names the reason to drop it.
    Any number that is not finite is an error, as is an answer of another length than the records.
    An attribute `note` is the name that scores are noted under, instead of the scorer's own. With a
    method `own(records) -> {language: score}` the scorer can measure a reference on plain texts,
    and with `metric` and `fingerprint` too it takes one from the scores that mind-eval wrote.
    """

    def __call__(self, records: Sequence[Record]) -> Sequence[float | None]: ...


@hookspec
def register_scorers() -> Offers[Scorer]:
    """Scorers: options → `(records) -> Sequence[float | None]`.

    Options `model` and `device` get what --model and --device say, where the recipe does not set
    them.
    """
