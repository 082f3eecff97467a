"""The forms that architectures have in transformers, found by the config class or by model_type.

A config class names the module of its form: ``hugging_face = "package.module"``. The module has
``MODEL_TYPES``, and four functions, each the inverse of another; an architecture without one is
exported as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from torch import Tensor

from mind_core import MindError
from mind_core.plugins import Plugins
from mind_train.components import load_plugins
from mind_train.models.language_model import Config

HOOK = "register_architectures"


class Form(Protocol):
    """What a module of a form has.

    It may also have ``texts(config)``: files to be written beside the weights, by name; and
    ``with_texts(config, texts)``: a config that keeps those of the folder which it was read from.
    """

    MODEL_TYPES: tuple[str, ...]

    def describe(self, config: Any) -> dict[str, Any]:
        """Give the config.json that transformers reads."""
        ...

    def read_config(self, theirs: Mapping[str, Any]) -> Config:
        """Read their config.json; raise MindError for a variant that the architecture has not."""
        ...

    def to_hugging_face(self, config: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rename our tensors to theirs."""
        ...

    def from_hugging_face(self, config: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rename their tensors to ours, in fp32; raise MindError for what has no place."""
        ...


def form_of(config: Any) -> Form | None:
    """Give the form of a config; None for an architecture that transformers does not know."""
    name: str = getattr(config, "hugging_face", "")
    return cast("Form", import_module(name)) if name else None


def find_form(model_type: str, plugins: Plugins | None = None) -> tuple[str, Form]:
    """Find the architecture and the form of a model_type: the built-in ones first.

    Without ``plugins`` only those are known. Raises MindError for one that nobody offers.
    """
    known: list[str] = []
    looked: set[str] = set()
    for turn in ("built-in", "installed"):
        if turn == "installed" and plugins is not None:
            plugins.load_installed()
        found = plugins if plugins is not None else load_plugins()
        for name, component in found.components(HOOK).items():
            if name in looked:
                continue
            looked.add(name)
            form = form_of(component.factory())
            if form is None:
                continue
            if model_type in form.MODEL_TYPES:
                return name, form
            known += form.MODEL_TYPES
    raise MindError(
        f"no architecture here reads a {model_type!r}",
        cause=f"known are {', '.join(known)}",
        hint="`pip install mind-architecture-llama` for llama, qwen2 and qwen3; "
        "`mind-train sft --from FOLDER` tunes any model of transformers",
    )
