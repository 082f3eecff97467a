"""Chat templates as models ship them: Jinja to text, and where in it the answers are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.record_limits import TooSlow, limited

FOLDER = Path(__file__).parent / "chat_templates"
BUILT_IN = ("chatml", "llama3", "qwen")
MINDLLM = "mindllm"
"""The form that needs no template: `mind_tok.chat`."""

_GENERATION = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")
_FIRST_MARK = 0xF0000
_LONGEST = 1 << 20
MAX_SECONDS, MAX_MEMORY = 10.0, 1 << 29
"""CPU seconds and bytes for a conversation: the sandbox bounds `range` alone, not loops within
loops, nor what `'%1000000000d' % 1` takes, which is computed when a template is compiled."""

Messages = Sequence[Mapping[str, Any]]


_FAULTS = (
    TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError, SyntaxError
)  # fmt: skip
"""What a template may end in beside Jinja's own errors: it came with a tokenizer of others."""

_Made = TypeVar("_Made")


class CostlyTemplate(MindError):
    """Report a template that takes more than a conversation may: the run ends, not the record."""


class LostText(MindError):
    """Report that a template leaves out what a message says."""


class RenderedConversation(NamedTuple):
    """A conversation as text, and the spans of it that are trained on, in characters."""

    text: str
    spans: list[tuple[int, int]]


@dataclass(frozen=True)
class ChatTemplate:
    """A Jinja template of the kind that transformers reads; it can be sent to workers."""

    name: str
    source: str
    bos_token: str = ""
    eos_token: str = ""

    def render(self, messages: Messages, tools: Any = None) -> RenderedConversation:
        """Return a conversation and the spans of its answers.

        They are what the template marks with `{% generation %}`; a template without marks is
        rendered again for each answer's beginning and end, and has to be stable for that. Raises
        `MindError` for what the template refuses, or does not say word for word.
        """
        return self.limited(lambda: self._rendered(messages, tools))

    def limited(self, work: Callable[[], _Made]) -> _Made:
        """Return what `work` gives; raise `CostlyTemplate` if it takes too much."""
        try:
            return limited(work, MAX_SECONDS, MAX_MEMORY)
        except (TooSlow, MemoryError) as error:
            raise CostlyTemplate(
                f"template {self.name} takes too much for one conversation",
                cause=f"more than {MAX_SECONDS:g} CPU seconds"
                if isinstance(error, TooSlow)
                else f"more than {MAX_MEMORY >> 20} MiB",
                hint="look at its loops, or take another template",
            ) from None

    def _rendered(self, messages: Messages, tools: Any) -> RenderedConversation:
        if _GENERATION.search(self.source):
            first, last = _unused_marks(messages, tools)
            marked = self._text(messages, tools, False, (first, last))
            rendered = _spans(marked, first, last)
        else:
            text = self._text(messages, tools, False)
            rendered = RenderedConversation(text, list(self._by_prefixes(messages, tools, text)))
        for part in _said(messages):
            # Templates strip messages; what is within has to be there word for word.
            if part.strip() not in rendered.text:
                raise LostText(
                    f"the template leaves out what a message says: {part.strip()[:60]!r}",
                    hint="a template for records with reasoning, tools or turns of this kind",
                )
        return rendered

    def prompt(self, messages: Messages) -> str:
        """Return the text after which the model answers; raise `MindError` if it is refused."""
        return self.limited(lambda: self._text(messages, None, True))

    def _by_prefixes(self, messages: Messages, tools: Any, text: str) -> Iterator[tuple[int, int]]:
        for place, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            before = self._text(messages[:place], tools, True)
            upto = self._text(messages[: place + 1], tools, False)
            # Only where each prefix is a prefix of the whole do its lengths say where
            # an answer lies.
            if not (upto.startswith(before) and text.startswith(upto)):
                raise MindError(
                    "the template writes a turn otherwise when others follow",
                    hint="mark the answers in it with {% generation %} and {% endgeneration %}",
                )
            # Without the white space that a template puts behind a turn: it is no part
            # of the answer.
            yield len(before), len(before) + len(upto[len(before) :].rstrip())

    def _text(
        self, messages: Messages, tools: Any, prompt: bool, marks: tuple[str, ...] = ("", "")
    ) -> str:
        jinja2 = _jinja()
        try:
            text = _compiled(self.source).render(
                messages=messages, tools=tools, documents=None, add_generation_prompt=prompt,
                bos_token=self.bos_token, eos_token=self.eos_token, mind_marks=marks,
            )  # fmt: skip
        # A template is code of others, and may fail in any of these ways on one conversation.
        except (jinja2.TemplateError, *_FAULTS) as error:
            raise MindError(f"template {self.name}: {error}") from None
        # In proportion to what goes in: a loop in a template may multiply it.
        if (size := len(text)) > _LONGEST + 4 * len(repr(messages)):
            raise MindError(f"template {self.name} makes {size:,} characters of a conversation")
        return str(text)


def load_template(name: str, specials: Mapping[str, int]) -> ChatTemplate:
    """Return a template by its name, or of a file: Jinja, or a `tokenizer_config.json`.

    `specials` are the tokenizer's control tokens by their texts. Raises `UsageError` if a template
    that ships needs others.
    """
    if name in BUILT_IN:
        source = (FOLDER / f"{name}.jinja").read_text()
        wanted = {"llama3": ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                             "<|eot_id|>")}.get(name, ("<|im_start|>", "<|im_end|>"))  # fmt: skip
        if missing := [token for token in wanted if token not in specials]:
            raise UsageError(
                f"--chat-template {name}: the tokenizer has no token {missing[0]}",
                hint="the template of its own model: --chat-template FILE",
            )
        return ChatTemplate(name, source)
    return _from_file(Path(name))


def _from_file(path: Path) -> ChatTemplate:
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join((*BUILT_IN, MINDLLM))
        raise UsageError(
            f"--chat-template {path} is no readable file",
            hint=f"a file of Jinja, a tokenizer_config.json, or one of {names} ({error})",
        ) from None
    bos = eos = ""
    if path.suffix == ".json":
        try:
            config = json.loads(source)
            found = config.get("chat_template")
            # Several templates by name, as transformers writes them too: that for plain chats.
            if isinstance(found, list):
                found = next(row["template"] for row in found if row["name"] == "default")
            bos, eos = (_token(config.get(f"{end}_token")) for end in ("bos", "eos"))
        except (ValueError, AttributeError, KeyError, TypeError, StopIteration) as error:
            raise UsageError(f"{path} is no tokenizer_config.json ({error!r})") from None
        if not isinstance(found, str):
            raise UsageError(
                f"{path} has no chat_template", hint="it may lie beside it: chat_template.jinja"
            )
        source = found
    template = ChatTemplate(path.name, source, bos, eos)
    jinja2 = _jinja()
    try:
        # Compiled once here: a mistake in it is told before any record is read.
        template.limited(lambda: _compiled(source))
    except (jinja2.TemplateError, *_FAULTS) as error:
        raise UsageError(f"{path} is no template: {error}") from None
    return template


def _token(value: Any) -> str:
    # A token is a string, or an object of how it is found with its text as `content`.
    return str(value.get("content", "")) if isinstance(value, dict) else str(value or "")


def _said(messages: Messages) -> Iterator[str]:
    """Yield all that has to stand in the text."""
    for message in messages:
        yield from (str(message.get(n) or "") for n in ("content", "reasoning_content", "thinking"))
        for call in message.get("tool_calls") or ():
            function = call.get("function", call) if isinstance(call, dict) else {}
            yield str(function.get("name", ""))
            given = function.get("arguments")
            for value in given.values() if isinstance(given, dict) else ():
                yield value if isinstance(value, str) and '"' not in value else ""


def strings_of(value: Any) -> Iterator[str]:
    """Yield all strings in a JSON value, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from strings_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_of(inner)


def _unused_marks(messages: Messages, tools: Any) -> tuple[str, str]:
    """Return two characters that occur nowhere in a conversation."""
    used = set().union(*map(set, strings_of([list(messages), tools])), {""})
    # Private use: hardly in any text, and looked for in this one all the same.
    marks = (chr(code) for code in range(_FIRST_MARK, 0x10FFFE))
    free = (mark for mark in marks if mark not in used)
    return next(free), next(free)


def _spans(marked: str, first: str, last: str) -> RenderedConversation:
    pieces: list[str] = []
    spans, size, begin = [], 0, 0
    # So that both marks split: a piece that begins with `last` comes behind an answer.
    for piece in marked.replace(last, f"{first}{last}").split(first):
        if piece.startswith(last):
            spans.append((begin, size))
            piece = piece[1:]
        elif pieces:
            begin = size
        pieces.append(piece)
        size += len(piece)
    return RenderedConversation("".join(pieces), [(b, e) for b, e in spans if e > b])


def _jinja() -> Any:
    try:
        import jinja2
        import jinja2.sandbox
    except ImportError:
        raise MindError("chat templates need jinja2", hint="pip install 'mind-tok[chat]'") from None
    return jinja2


@lru_cache(maxsize=16)
def _compiled(source: str) -> Any:
    from mind_tok.jinja_environment import environment

    return environment().from_string(source)
