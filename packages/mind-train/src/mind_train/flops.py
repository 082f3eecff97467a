"""Training FLOPs per token, by convention; the head always counts, the lookup never."""

from __future__ import annotations

from dataclasses import dataclass

from mind_train.models.bare_model import build_bare
from mind_train.models.language_model import Config, LanguageModel


@dataclass(frozen=True)
class Flops:
    """Training FLOPs per token (forward and backward), by convention.

    ``weights`` is 6 · (body matrices + head). ``causal`` adds 12 · W for each key that a query
    sees, ``full`` for each key of the row or the window: what published MFU figures count. W is
    heads · head_dim, in most architectures D.
    ``six_n`` is 6 · all parameters, ``six_n_body`` 6 · those outside of embedding and positions.
    """

    weights: float
    causal: float
    full: float
    six_n: float
    six_n_body: float


def flops(model: LanguageModel, sequence: int) -> Flops:
    """Count training FLOPs per token under each convention."""
    groups = model.groups()
    total = sum(groups.values())
    body = body_parameters(model)
    # Gains are no matrix products; the head's product is added below, also where it is tied.
    matrices = body - groups.get("norm", 0) - groups.get("head", 0)
    weights = 6.0 * (matrices + model.head.numel())
    width = model.attention_width()
    return Flops(
        weights=weights,
        causal=weights + 12.0 * width * sum(model.keys_seen(sequence)),
        full=weights + 12.0 * width * sum(model.spans(sequence)),
        six_n=6.0 * total,
        six_n_body=6.0 * body,
    )


def body_parameters(model: LanguageModel) -> int:
    """Count the parameters outside of embedding and positions."""
    groups = model.groups()
    return sum(groups.values()) - groups.get("embedding", 0) - groups.get("positions", 0)


def body_of(config: Config) -> int:
    """Count the parameters of a config's body, without making them."""
    return body_parameters(build_bare(config))
