"""What clients ask for, checked: the bodies of /v1/completions and /v1/chat/completions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mind_core import MindError
from mind_train.chat_prompt import chat_prompts, end_ids
from mind_train.checkpoint import Checkpoint
from mind_train.decoding import Rules

REFUSED = ("tools", "functions", "suffix", "best_of", "logit_bias", "response_format")
MAX_TEXTS = 64  # texts of one request


class BadRequest(Exception):
    """Report what is wrong with a request, and with which of its fields."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class CompletionRequest:
    """One request: a prompt and rules for each text, and how the answer is to look."""

    prompts: list[list[int]]
    rules: list[Rules]
    chat: bool
    stream: bool
    echo: bool = False


def read_request(body: Any, checkpoint: Checkpoint, chat: bool, max_new: int) -> CompletionRequest:
    """Check a body; raise BadRequest, which names the field."""
    if not isinstance(body, dict):
        raise BadRequest("the body is no JSON object")
    # A stream cannot echo: the prompt's log-probabilities would have to come first.
    for name in (*REFUSED, *(["echo"] if chat or body.get("stream") is True else [])):
        if body.get(name):
            where = " here" if name == "echo" else ""
            raise BadRequest(f"{name} is not supported{where}", name)
    echo = bool(body.get("echo"))
    prompts = [_messages(body, checkpoint)] if chat else _prompts(body, checkpoint, echo)
    count = _number(body, "n", 1, 1, MAX_TEXTS, whole=True)
    if len(prompts) * count > MAX_TEXTS:
        raise BadRequest(f"more than {MAX_TEXTS} texts are asked for", "n")
    limit = "max_completion_tokens" if body.get("max_completion_tokens") else "max_tokens"
    stops = body.get("stop") or []
    stops = [stops] if isinstance(stops, str) else stops
    if not isinstance(stops, list) or not all(isinstance(s, str) and s for s in stops):
        raise BadRequest("stop is a string or a list of strings", "stop")
    seed = int(_number(body, "seed", 0, 0, 2**62, whole=True))
    common: dict[str, Any] = {
        "max_new": int(_number(body, limit, min(128, max_new), 1, max_new, whole=True)),
        "temperature": _number(body, "temperature", 1.0, 0.0, 100.0),
        "top_p": _number(body, "top_p", 1.0, 1e-9, 1.0),
        "top_k": int(_number(body, "top_k", 0, 0, 2**31, whole=True)),
        "repetition": _number(body, "repetition_penalty", 1.0, 1e-3, 1e3),
        "stop": tuple(stops),
        "logprobs": (shares := _logprobs(body, chat)),
        "echo": echo and shares >= 0,
        "end_ids": chat_prompts(checkpoint).end_ids if chat else end_ids(checkpoint),
    }
    # Each choice of a prompt has a seed of its own, or all would be the same text.
    rules = [Rules(**common, seed=seed + turn) for _ in prompts for turn in range(int(count))]
    texts = [prompt for prompt in prompts for _ in range(int(count))]
    return CompletionRequest(texts, rules, chat, body.get("stream") is True, echo)


def _number(
    body: Mapping[str, Any], name: str, default: float, low: float, high: float,
    whole: bool = False,
) -> float:  # fmt: skip
    value = body.get(name)
    if value is None:
        return default
    kinds = int if whole else (int, float)
    fits = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or not low <= value <= high:
        raise BadRequest(f"{name} is a number from {low:g} to {high:g}, not {value!r}", name)
    return float(value)


def _logprobs(body: Mapping[str, Any], chat: bool) -> int:
    if not chat:
        return int(_number(body, "logprobs", -1, 0, 20, whole=True))
    if body.get("logprobs") is not True:
        return -1
    return int(_number(body, "top_logprobs", 0, 0, 20, whole=True))


def _fitting(ids: Sequence[int], checkpoint: Checkpoint, field: str) -> list[int]:
    # As long as the context still fits: for the next token its second half is read again.
    if len(ids) > checkpoint.context:
        raise BadRequest(
            f"the prompt has {len(ids):,} tokens, the model's context {checkpoint.context:,}", field
        )
    return list(ids)


def _messages(body: Mapping[str, Any], checkpoint: Checkpoint) -> list[int]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages is a list with at least one message", "messages")
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise BadRequest("each message has a role and a content, a string", "messages")
    plain = [{"role": str(m.get("role")), "content": m["content"]} for m in messages]
    if plain[-1]["role"] != "user":
        raise BadRequest("the last message is the user's", "messages")
    try:
        return _fitting(chat_prompts(checkpoint).encode(plain), checkpoint, "messages")
    except MindError as error:
        raise BadRequest(error.message, "messages") from None


def _prompts(
    body: Mapping[str, Any], checkpoint: Checkpoint, echo: bool = False
) -> list[list[int]]:
    """Encode the prompts, each after an end token, as documents are trained.

    With ``echo`` nothing stands before them: the log-probabilities are those of the text as the
    tokenizer encodes it, which is what a server of the exported model gives.
    """
    words, given = checkpoint.tokenizer, body.get("prompt", "")
    # OpenAI allows a list of ids as one prompt, and a list of such lists.
    if isinstance(given, str) or (given and isinstance(given, list) and type(given[0]) is int):
        given = [given]
    if not isinstance(given, list) or not given:
        raise BadRequest("prompt is a string, a list of strings, or token ids", "prompt")
    found = []
    for prompt in given:
        if isinstance(prompt, str):
            ids = words.encode(prompt) if echo else []
            ids = ids or [words.end_id, *words.encode(prompt)]
        elif isinstance(prompt, list) and all(
            type(i) is int and 0 <= i < checkpoint.config.vocab for i in prompt
        ):
            ids = prompt or [words.end_id]
        else:
            raise BadRequest("prompt is a string, a list of strings, or token ids", "prompt")
        found.append(_fitting(ids, checkpoint, "prompt"))
    return found
