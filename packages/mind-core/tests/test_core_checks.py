"""The checks for authors of components fail on what is wrong, each for its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mind_core import testing
from mind_core.records import Record
from mind_core.testing import (
    check_extractor,
    check_filter,
    check_schedule,
    check_signature,
    check_transform,
)


@pytest.fixture(autouse=True)
def unpickled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Functions of a test cannot be pickled; that they must be is tried on its own."""
    monkeypatch.setattr(testing, "_pickled", lambda made: made)
    yield


def made(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda: function


def short(record: Record) -> str | None:
    return "short" if len(record["text"]) < 3 else None


def test_a_right_filter_passes_and_wrong_ones_do_not() -> None:
    check_filter(made(short), keeps=["long"], drops=["ab"])
    for function, message in (
        (lambda record: None, "kept, should be dropped"),
        (lambda record: "short", "dropped"),
        (lambda record: "Too Short" if len(record["text"]) < 3 else None, "snake_case"),
        (lambda record: record.pop("id") and short(record), "argument was changed"),
    ):
        with pytest.raises(AssertionError, match=message):
            check_filter(made(function), keeps=["long"], drops=["ab"])
    answers = iter([None, "other"] * 99)
    with pytest.raises(AssertionError, match="two answers"):
        check_filter(made(lambda record: next(answers)), keeps=["long"], drops=[])
    with pytest.raises((AssertionError, ZeroDivisionError)):
        check_filter(made(lambda record: 1 // len(record["text"]) and None), ["long"], [])


def test_a_right_transform_passes_and_wrong_ones_do_not() -> None:
    def with_text(change: Callable[[str], str], **more: Any) -> Callable[..., Any]:
        return made(lambda record: {**record, "text": change(record["text"]), **more})

    cases = [("a  b", "a b")]
    check_transform(with_text(lambda text: " ".join(text.split())), cases)
    for factory, message in (
        (with_text(str.upper), "became"),
        (with_text(lambda text: " ".join(text.split()), id="other"), None),
        (with_text(lambda text: " ".join(text.split()), extra={"kept": [1]}), None),
    ):
        with pytest.raises(AssertionError, match=message):
            check_transform(factory, cases)
    grows = with_text(lambda text: text + "!")
    with pytest.raises(AssertionError, match="second pass"):
        check_transform(grows, [("a", "a!")])
    check_transform(grows, [("a", "a!")], twice=False)
    with pytest.raises(AssertionError):
        check_transform(with_text(lambda text: text if text else None), [])  # type: ignore[arg-type, return-value]


def test_a_right_extractor_passes_and_wrong_ones_do_not() -> None:
    def plain(html: str, url: str | None) -> str:
        return html.replace("<p>", "")

    check_extractor(made(plain), [("<p>tea", ["tea"], ["<p>"])])
    with pytest.raises(AssertionError, match="is missing"):
        check_extractor(made(plain), [("<p>tea", ["coffee"], [])])
    with pytest.raises(AssertionError, match="is in"):
        check_extractor(made(plain), [("<p>tea", [], ["tea"])])
    count = iter(range(9999))
    with pytest.raises(AssertionError):
        check_extractor(made(lambda html, url: str(next(count))), [])


def test_a_right_signature_passes_and_wrong_ones_do_not() -> None:
    def first_word(record: Record) -> list[bytes]:
        return [word.encode() for word in record["text"].split()[:1]]

    check_signature(made(first_word), same=[("a b", "a c")], different=[("a b", "b a")])
    with pytest.raises(AssertionError, match="no common key"):
        check_signature(made(first_word), same=[("a b", "b a")], different=[])
    with pytest.raises(AssertionError, match="a common key"):
        check_signature(made(first_word), same=[], different=[("a b", "a c")])
    with pytest.raises(AssertionError):
        check_signature(made(lambda record: ["text"]), same=[], different=[])


def test_a_right_schedule_passes_and_wrong_ones_do_not() -> None:
    check_schedule(made(lambda step, steps: step / steps))
    for wrong in (
        lambda step, steps: 1.0 + 1e-9,
        lambda step, steps: -1e-9 if step == steps else 0.5,
        lambda step, steps: 0.0,
        lambda step, steps: 2.0 if step == 1 else 0.5,
    ):
        with pytest.raises(AssertionError):
            check_schedule(made(wrong))
    values = iter([0.1] * 100 + [0.2] * 100)
    with pytest.raises(AssertionError, match="not the same twice"):
        check_schedule(made(lambda step, steps: next(values)))


def test_what_cannot_be_pickled_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        check_filter(made(lambda record: None), keeps=[], drops=[])
