"""The Jinja that chat templates are written for: transformers' names and tags, in a sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """`{% generation %} … {% endgeneration %}`: what the model writes, between two marks."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: Parser) -> nodes.Node:
        """Return a call of `_marked` around the block."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("_marked", [nodes.ContextReference()])
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _marked(self, context: Context, caller: Callable[[], str]) -> str:
        first, last = context.resolve("mind_marks")
        return f"{first}{caller()}{last}"


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox in which a text cannot be multiplied into all memory."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute, unless the result is large."""
        sizes = [len(v) if isinstance(v, (str, list, tuple)) else 0 for v in (left, right)]
        numbers = [v for v in (left, right) if isinstance(v, int)]
        # Before it is computed: 'a' * 1000000000000 would take the memory first.
        if operator == "**" or (any(sizes) and numbers and max(sizes) * numbers[0] > 1 << 16):
            raise TemplateError(f"a template may not compute with {operator} at this size")
        return super().call_binop(context, operator, left, right)


@lru_cache(maxsize=1)
def environment() -> ImmutableSandboxedEnvironment:
    """Return the environment; it renders the same text on every day and machine."""
    made = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    # As in transformers: jinja2's own writes < and & as \u003c and \u0026.
    made.filters["tojson"] = _tojson
    made.globals["raise_exception"] = _raise
    made.globals["strftime_now"] = _no_time
    return made


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return JSON without the escapes for HTML that jinja2's own filter makes."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise(message: str) -> str:
    raise TemplateError(message)


def _no_time(_: str) -> str:
    raise TemplateError("the template writes today's date, and the same records would differ")
