"""What a component may return, and what it may not."""

import math
import signal

import pytest

from mind_core import Reason
from mind_core.component_calls import (
    Interrupted,
    failure,
    failure_to_start,
    finite_number,
    is_interrupt,
    not_finite,
    wrong_reason,
)
from mind_core.errors import ComponentError


@pytest.mark.parametrize("reason", [None, "too_short", Reason("low", 0.5, 1)])
def test_a_reason_is_a_word(reason: object) -> None:
    assert wrong_reason(reason) is None


@pytest.mark.parametrize(
    "reason",
    ["", " ", "two words", "a\n", 3, True, False, 0.0, b"x", Reason("low", math.nan, 1),
     Reason("low", 1, math.inf), Reason("low", {"a": [math.nan]})],
)  # fmt: skip
def test_all_else_is_no_reason(reason: object) -> None:
    assert wrong_reason(reason)


def test_a_number_that_is_not_finite_is_found_with_its_place() -> None:
    fine = {"text": "x", "metadata": {"a": [1, 2.5, None, {"b": "nan"}]}}
    assert not_finite(fine) is None
    assert not_finite({**fine, "metadata": {"a": [1, {"b": math.nan}]}}) == (
        "a number that is not finite at metadata.a.1.b: nan"
    )
    assert not_finite([-math.inf]) == "a number that is not finite at 0: -inf"
    circle: dict = {}
    circle["self"] = circle
    assert not_finite(circle) is None  # it cannot be written, which is told elsewhere


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "1", True, [1]])
def test_a_finite_number_is_wanted(value: object) -> None:
    with pytest.raises(ValueError):
        finite_number(value)


def test_numbers_of_other_kinds_pass() -> None:
    import numpy as np

    assert [finite_number(n) for n in (1, 2.5, np.float32(0.5), np.int64(3))] == [1, 2.5, 0.5, 3]


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), ValueError("x")])
def test_every_exception_of_a_component_names_it(error: BaseException) -> None:
    found = failure("filter 'x' of plugin p", "f:3", b"{}", error)
    assert isinstance(found, ComponentError)
    assert found.message == "f:3: filter 'x' of plugin p failed on this record"
    assert type(error).__name__ in str(found.cause)
    assert "failed to start" in failure_to_start("filter 'x'", error).message


def test_an_interrupt_of_a_person_goes_on_and_that_of_a_component_does_not() -> None:
    with pytest.raises(Interrupted):
        failure("x", "f:1", b"", Interrupted())
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert is_interrupt(KeyboardInterrupt())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert not is_interrupt(KeyboardInterrupt())
        assert not is_interrupt(SystemExit())
    finally:
        signal.signal(signal.SIGINT, before)
