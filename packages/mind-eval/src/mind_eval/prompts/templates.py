"""Task templates as lm-eval reads them, but compiled once.

lm-eval compiles a Jinja template again for every item (265 s for MMLU's 14,042 five-shot prompts).
A `FieldTemplate` stands in a task's config as the callable that lm-eval also allows, and prints as
the text it was made from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeVar

import jinja2
from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mind_core.record_limits import TooSlow, limited
from mind_core.untrusted import whole_number

TEXT, TARGET, CHOICES = "doc_to_text", "doc_to_target", "doc_to_choice"
MAX_TEXT = 1 << 24
"""Characters of one rendering."""

MAX_MEMORY, MAX_SECONDS = 1 << 29, 10.0
"""Bytes and CPU seconds of one rendering."""

FAULTS = (
    LookupError, TypeError, ValueError, SyntaxError, ArithmeticError, AttributeError, MemoryError,
    RecursionError, re.error, TemplateError,
)  # fmt: skip
"""What a template, or the list that it gives, may end in: both came with the data."""


class FieldTemplate:
    """Render one field of a task for an item: a column by its name, or a Jinja template."""

    def __init__(self, text: str, kind: str, has_choices: bool) -> None:
        self.text, self.kind, self.has_choices = text, kind, has_choices

    def __call__(self, doc: Mapping[str, Any]) -> Any:
        """Return what lm-eval would: text, an index into the choices, or a list."""
        # A column by its name is no template, even if its value has braces in it.
        if self.text in doc:
            return doc[self.text]
        made = render(self.text, doc)
        if self.kind == CHOICES:
            return ast.literal_eval(made)
        # A rendered number is a place among the choices, as lm-eval reads it.
        if self.has_choices and (place := whole_number(made)) is not None:
            return place
        if self.kind == TARGET and len(made) >= 2 and made[0] == "[" and made[-1] == "]":
            try:
                return ast.literal_eval(made)
            except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
                return made
        return made

    # lm-eval copies a task's config in depth; nothing here changes, so one object will do.
    def __deepcopy__(self, memo: dict[int, Any]) -> FieldTemplate:
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
        name: FieldTemplate(value, name, has_choices)
        if name in (TEXT, TARGET, CHOICES) and isinstance(value, str)
        else value
        for name, value in config.items()
    }


T = TypeVar("T")


def within_limits(work: Callable[[], T]) -> T:
    """Return what a rendering gives; raise `SecurityError` where it takes too much.

    The sandbox bounds `range` alone; `'x' * 10**10` and loops within loops are allowed in it.
    """
    try:
        made = limited(work, MAX_SECONDS, MAX_MEMORY)
    except (TooSlow, MemoryError, OverflowError) as error:
        raise SecurityError(f"the template takes more than a prompt may ({error!r})") from None
    if isinstance(made, str) and len(made) > MAX_TEXT:
        raise SecurityError(f"the template gives {len(made):,} characters, which is no prompt")
    return made


class _Template(jinja2.Template):
    """A template whose rendering is within limits."""

    def render(self, *args: Any, **named: Any) -> str:
        return within_limits(lambda: super(_Template, self).render(*args, **named))


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox in which templates are also compiled within limits: constants are computed then."""

    template_class = _Template

    def from_string(self, *args: Any, **named: Any) -> jinja2.Template:
        return within_limits(lambda: super(_Environment, self).from_string(*args, **named))


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return lm-eval's environment, strict about names, line ends kept; in a sandbox.

    A template comes with a data set: in a plain environment it reaches Python's own objects, and
    through them a shell.
    """
    made = _Environment(loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True)
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
