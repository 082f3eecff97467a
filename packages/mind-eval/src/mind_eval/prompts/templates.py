"""Task templates as lm-eval reads them, but compiled once.

lm-eval compiles a Jinja template again for every item (265 s for MMLU's 14,042 five-shot prompts).
A `Template` stands in a task's config as the callable that lm-eval also allows, and prints as the
text it was made from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

TEXT, TARGET, CHOICES = "doc_to_text", "doc_to_target", "doc_to_choice"


class Template:
    """Render one field of a task for an item: a column by its name, or a Jinja template."""

    def __init__(self, text: str, kind: str, has_choices: bool) -> None:
        self.text, self.kind, self.has_choices = text, kind, has_choices

    def __call__(self, doc: Mapping[str, Any]) -> Any:
        """Return what lm-eval would: text, an index into the choices, or a list."""
        if self.text in doc:
            return doc[self.text]
        made = render(self.text, doc)
        if self.kind == CHOICES:
            return ast.literal_eval(made)
        if self.has_choices and made.isdigit():
            return int(made)
        if self.kind == TARGET and len(made) >= 2 and made[0] == "[" and made[-1] == "]":
            try:
                return ast.literal_eval(made)
            except (SyntaxError, ValueError):
                return made
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Template:
        return self

    def __str__(self) -> str:
        return self.text


def render(text: str, doc: Mapping[str, Any]) -> str:
    """Render a Jinja template for an item; the template is compiled once."""
    return _compiled(text)(**doc)


def with_templates(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's config with its three templates compiled."""
    has_choices = config.get(CHOICES) is not None
    return {
        name: Template(value, name, has_choices)
        if name in (TEXT, TARGET, CHOICES) and isinstance(value, str)
        else value
        for name, value in config.items()
    }


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return lm-eval's environment, strict about names, line ends kept; in a sandbox.

    A template comes with a data set: in a plain environment it reaches Python's own objects, and
    through them a shell.
    """
    made = ImmutableSandboxedEnvironment(
        loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True
    )
    made.filters["regex_replace"] = lambda text, pattern, new, count=0: re.sub(
        pattern, new, text, count=count
    )
    return made


def sandbox_lm_eval() -> None:
    """Have lm-eval render its templates in the same sandbox, for the fields that it renders."""
    vars(import_module("lm_eval.utils"))["env"] = environment()


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Callable[..., str]:
    if not any(mark in text for mark in ("{{", "{%", "{#")):
        return lambda **_: text
    rendered: Callable[..., str] = environment().from_string(text).render
    return rendered
