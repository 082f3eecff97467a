"""Chat templates as models ship them: Jinja to text, and where in it the answers are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from mind_core import MindError, Record
from mind_core.chats import ChatFormat
from mind_core.chats.messages import ROLES, text_content
from mind_core.errors import BadRecord, UsageError
from mind_core.records import encode as encode_record
from mind_tok.chat import UnsuitableChat

FOLDER = Path(__file__).parent / "chat_templates"
BUILT_IN = ("chatml", "llama3", "qwen")
MINDLLM = "mindllm"
"""The form that needs no template: `mind_tok.chat`."""

_GENERATION = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")
_FIRST_MARK = 0xF0000
_LONGEST = 1 << 20
_READER = ChatFormat()

Messages = Sequence[Mapping[str, Any]]


class LostText(MindError):
    """Report that a template leaves out what a message says."""


class RenderedConversation(NamedTuple):
    """A conversation as text, and the spans of it that are trained on, in characters."""

    text: str
    spans: list[tuple[int, int]]


class TemplateInput(NamedTuple):
    """What of a record goes into a template."""

    messages: list[dict[str, Any]]
    tools: Any
    cut: int
    """Messages behind the last answer, which are left out."""


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
        if _GENERATION.search(self.source):
            first, last = _unused_marks(messages, tools)
            marked = self._text(messages, tools, False, (first, last))
            rendered = _spans(marked, first, last)
        else:
            text = self._text(messages, tools, False)
            rendered = RenderedConversation(text, list(self._by_prefixes(messages, tools, text)))
        for part in _said(messages):
            if part.strip() not in rendered.text:
                raise LostText(
                    f"the template leaves out what a message says: {part.strip()[:60]!r}",
                    hint="a template for records with reasoning, tools or turns of this kind",
                )
        return rendered

    def prompt(self, messages: Messages) -> str:
        """Return the text after which the model answers; raise `MindError` if it is refused."""
        return self._text(messages, None, True)

    def _by_prefixes(self, messages: Messages, tools: Any, text: str) -> Iterator[tuple[int, int]]:
        for place, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            before = self._text(messages[:place], tools, True)
            upto = self._text(messages[: place + 1], tools, False)
            if not (upto.startswith(before) and text.startswith(upto)):
                raise MindError(
                    "the template writes a turn otherwise when others follow",
                    hint="mark the answers in it with {% generation %} and {% endgeneration %}",
                )
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
        except (jinja2.TemplateError, TypeError, ValueError, KeyError, OverflowError) as error:
            raise MindError(f"template {self.name}: {error}") from None
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
        _compiled(source)
    except jinja2.TemplateError as error:
        raise UsageError(f"{path} is no template: {error}") from None
    return template


def _token(value: Any) -> str:
    return str(value.get("content", "")) if isinstance(value, dict) else str(value or "")


def template_inputs(record: Record, position: str = "record") -> list[tuple[Record, TemplateInput]]:
    """Return the conversations of a record as templates take them, up to the last answer.

    `messages` pass with all their fields (tool calls, reasoning, tools of the record), text parts
    joined; other layouts are read by `mind_core.chats`. Raises `UnsuitableChat` for parts that are
    no text and for a conversation without an answer, `BadRecord` for no conversation at all.
    """
    rows = record.get("messages")
    if not (
        isinstance(rows, list) and all(isinstance(row, dict) and "role" in row for row in rows)
    ):
        found = []
        for made, conversation in _READER.records(record, position):
            if conversation.reason is not None:
                raise UnsuitableChat(
                    conversation.reason, position, encode_record(record), cause=conversation.cause
                )
            messages: list[dict[str, Any]] = [dict(row) for row in conversation.messages]
            found.append((made, _answered(messages, None, record, position)))
        return [(record, found[0][1])] if len(found) == 1 else found
    plain = [_plain(row, record, position) for row in rows]
    return [(record, _answered(plain, record.get("tools"), record, position))]


def _plain(row: Mapping[str, Any], record: Record, position: str) -> dict[str, Any]:
    """Return a message with its role by the usual name and its content as one text."""
    content, called = row.get("content"), row.get("tool_calls") or row.get("function_call")
    role = ROLES.get(str(row["role"]).lower(), row["role"])
    if role not in ("user", "assistant", "system", "tool"):
        line = encode_record(record)
        raise BadRecord("wrong_type", position, line, cause=f"unknown role {role!r}")
    if isinstance(content, list):
        from mind_core.chats.messages import ChatError

        try:
            content = text_content(content)
        except ChatError as error:
            raise UnsuitableChat(
                error.reason, position, encode_record(record), cause=error.cause
            ) from None
    if content is None and not called:
        raise UnsuitableChat("null_content", position, encode_record(record), cause="says nothing")
    if content is not None and not isinstance(content, str):
        raise BadRecord(
            "wrong_type", position, encode_record(record), cause="'content' must be a string"
        )
    return {
        **{k: v for k, v in row.items() if v is not None},
        "role": role,
        "content": content or "",
    }


def _answered(
    messages: list[dict[str, Any]], tools: Any, record: Record, position: str
) -> TemplateInput:
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=-1)
    kept = messages[: last + 1]
    answers = [m for m in kept if m["role"] == "assistant"]
    said = [bool(m["content"].strip() or m.get("tool_calls")) for m in answers]
    if not all(said) or not said:
        reason = "empty_answer" if any(said) else "no_answer"
        cause = "one of its answers is blank" if any(said) else "nothing in it is an answer"
        raise UnsuitableChat(reason, position, encode_record(record), cause=cause)
    return TemplateInput(kept, tools, len(messages) - len(kept))


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
    marks = (chr(code) for code in range(_FIRST_MARK, 0x10FFFE))
    free = (mark for mark in marks if mark not in used)
    return next(free), next(free)


def _spans(marked: str, first: str, last: str) -> RenderedConversation:
    pieces: list[str] = []
    spans, size, begin = [], 0, 0
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
