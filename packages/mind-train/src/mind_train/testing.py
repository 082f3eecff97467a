"""The check of an architecture, for its author's tests; the built-in ones pass it too."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from mind_train.models.bare_model import bare_model, build_bare
from mind_train.models.contract import check_states, name_of
from mind_train.models.language_model import LanguageModel, presets_of
from mind_train.models.plain_module import build_model

NEAR = 2e-4  # of states of size 1 that were computed another way, in fp32


def check_architecture(
    factory: Callable[..., Any], *, vocabulary: int = 97, length: int = 12, **options: Any
) -> None:
    """Assert that an architecture keeps the contract, and all of the optional parts that it has.

    ``factory(vocab=vocabulary, context=…, **options)`` makes the config. Texts have ``length``
    tokens, which is the context too unless an option says another. Raises AssertionError or
    MindError, which name what is wrong.
    """
    given = {"vocab": vocabulary, "context": length, **options}
    config = factory(**given)
    _check_config(factory, config)
    # Twice from one seed: whatever is not torch's generator shows in the second.
    torch.manual_seed(0)
    model = build_model(config)
    torch.manual_seed(0)
    again = build_model(config)
    pairs = zip(model.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs), (
        "one seed gives two models: draw weights with torch's generator alone"
    )
    check_states(model, length)
    chance = torch.Generator().manual_seed(1)
    ids = torch.randint(min(vocabulary, config.vocab), (2, length), generator=chance)
    _check_gradients(model, ids)
    with torch.no_grad():
        model.eval()
        _check_rows(model, ids)
        _check_loading(model, ids)
        if model.sees_documents:
            _check_documents(model, ids)
        _check_cache(model, ids)
    _check_counts(model)


def _check_config(factory: Any, config: Any) -> None:
    name = type(config).__name__
    whole = dataclasses.is_dataclass(config) and not isinstance(config, type)
    assert whole, f"{name} is no dataclass"
    for field in ("vocab", "context"):
        assert type(getattr(config, field, None)) is int, f"{name} has no whole number {field!r}"
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    try:
        kept = json.loads(json.dumps(fields))
    except TypeError as error:
        raise AssertionError(f"a field of {name} cannot be kept as JSON: {error}") from error
    assert factory(**kept) == config, f"{name} made of its own fields is another: {kept}"
    known = {field.name for field in dataclasses.fields(config)}
    for preset, values in presets_of(factory).items():
        odd = set(values) - known
        assert not odd, f"preset {preset!r} names {sorted(odd)}, which are no fields of {name}"


def _check_gradients(model: LanguageModel, ids: Tensor) -> None:
    model.train()
    model.logits(model(ids)).square().mean().backward()  # type: ignore[no-untyped-call]
    silent = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not silent, f"no gradient reaches {silent}: leave them out, or set requires_grad=False"
    model.zero_grad(set_to_none=True)


def _check_rows(model: LanguageModel, ids: Tensor) -> None:
    together, apart = model(ids), torch.cat((model(ids[:1]), model(ids[1:])))
    _assert_near(together, apart, f"rows of a {name_of(model)} see each other")
    short = model(ids[:, :1])
    _assert_near(short, together[:, :1], f"a {name_of(model)} reads one token otherwise than many")
    other = model((ids + 1) % model.config.vocab)
    assert not torch.allclose(together, other), f"a {name_of(model)} does not look at its ids"


def _check_loading(model: LanguageModel, ids: Tensor) -> None:
    """Build it as a checkpoint is read: without drawing weights, which are set afterwards."""
    bare, weights = build_bare(model.config), dict(model.named_parameters())
    names = {n for n, _ in bare.named_parameters()}
    assert names == set(weights), f"on the meta device other parameters: {names ^ set(weights)}"
    loaded = bare_model(model.config).eval()
    for name, p in loaded.named_parameters():
        p.copy_(weights[name])
    words = f"a {name_of(model)} with a checkpoint's weights is another: all that is learned is a "
    _assert_near(loaded(ids), model(ids), words + "parameter")


def _check_documents(model: LanguageModel, ids: Tensor) -> None:
    length = ids.shape[1]
    if length < 2:
        return
    cut = length // 2
    documents = (torch.arange(length) >= cut).long().expand_as(ids)
    together = model(ids, documents=documents)
    apart = torch.cat((model(ids[:, :cut]), model(ids[:, cut:])), dim=1)
    words = f"with `documents` a {name_of(model)} lets a document see the one before it"
    _assert_near(together, apart, words)


def _check_cache(model: LanguageModel, ids: Tensor) -> None:
    """Read in two parts and then token by token, as text is written."""
    length = ids.shape[1]
    first = max(1, length // 3)
    cuts = sorted({0, first, *range(max(first, length // 2), length + 1)})
    cache = model.new_cache(len(ids), model.config.context)
    parts = [model(ids[:, a:b], cache=cache) for a, b in pairwise(cuts)]
    assert cache.length == length, (
        f"the cache of a {name_of(model)} counts {cache.length} of {length} tokens: "
        "cache.advance(T) once a call"
    )
    words = f"with a cache a {name_of(model)} reads otherwise than without"
    _assert_near(torch.cat(parts, dim=1), model(ids), words)


def _check_counts(model: LanguageModel) -> None:
    parts, total = dict(model.groups()), sum(p.numel() for p in model.parameters())
    assert sum(parts.values()) == total, f"groups() counts {parts}, parameters are {total}"
    keys = model.keys_seen(8)
    assert all(0 < n <= 8 for n in keys), f"keys_seen(8) gives {keys}: of 8 tokens at most 8"
    blocks = getattr(model, "blocks", None)
    assert blocks is None or isinstance(blocks, nn.ModuleList), "blocks is a torch.nn.ModuleList"


def _assert_near(a: Tensor, b: Tensor, words: str) -> None:
    size = max(1.0, float(b.abs().max()))
    off = float((a - b).abs().max())
    assert off <= NEAR * size, f"{words}: states differ by {off:.2g}"
