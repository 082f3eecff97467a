"""Answers in LaTeX: labelled pairs, no false positive, in milliseconds, and hostile input ends."""

from __future__ import annotations

import pytest

from mind_core import MindError
from mind_core.errors import UsageError
from mind_eval.conform.formulas import read_pairs
from mind_eval.metrics.items import is_right
from mind_eval.metrics.latex.comparisons import comparison
from mind_eval.metrics.latex.equality import same
from mind_eval.metrics.latex.numbers import MAX_BITS, NotEvaluable
from mind_eval.metrics.latex.values import evaluate
from mind_eval.prompts.spec import Spec, read_spec

PAIRS = read_pairs()


def test_labelled_pairs_are_told_apart_and_none_is_taken_wrongly() -> None:
    assert len(PAIRS) >= 200
    missed = []
    for label, one, two in PAIRS:
        found = same(one, two)
        assert found == same(two, one), f"not symmetric: {one} {two}"
        if found and not label:
            pytest.fail(f"a false positive: {one!r} = {two!r}")
        if found != label:
            missed.append((one, two))
    assert len(missed) <= len(PAIRS) // 50, missed


@pytest.mark.parametrize(
    ("one", "two"),
    [("1,2", "12"), (r"11_2", "3"), ("2^{100}", "1267650600228229401496703205377"),
     (r"\frac13", "0.33333333333333333333"), (r"\pi", "3.14159265358979323846"), ("(1,2)", "[1,2]"),
     (r"20\%", r"20^\circ"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "1,2"), ("x^12", "x^{12}"),
     ("9^{9^{9^9}}", "1"), (r"\frac{1}{0}", r"\frac{2}{0}"), ("(" * 400, ")" * 400)],
)  # fmt: skip
def test_what_is_near_is_not_the_same(one: str, two: str) -> None:
    assert not same(one, two)


def test_units_may_be_left_out_but_not_changed() -> None:
    assert same(r"6\text{ cm}^2", "6") and same(r"\$118", r"118 \text{ dollars}")
    assert not same(r"6\text{ cm}", r"6\text{ m}")


@pytest.mark.parametrize(
    "text",
    ["9" * 5000, "(" * 300 + ")" * 300, "x^{x^{x^{x^9}}}", "2^{9999999}", r"\sqrt" * 80 + "2",
     "-" * 290 + "1", r"\text{ " + " " * 900],
)  # fmt: skip
def test_hostile_answers_end(text: str) -> None:
    assert same(text, "1") in (False, text.endswith("-1"))
    try:
        found = evaluate(text)
    except NotEvaluable:
        return
    assert found.re.numerator.bit_length() <= 64 * MAX_BITS


def test_the_benchmark_compares_as_it_is_told() -> None:
    from mind_eval.builtins import FOLDER

    spec: Spec = read_spec(FOLDER / "math" / "written.yaml", "math")
    assert is_right(spec, r"\frac{\sqrt{3}}{3}", r"\dfrac{1}{\sqrt3}")
    with pytest.raises(UsageError, match="there is no --math 'maple'"):
        comparison("maple")
    for name, module in (("sympy", "antlr4"), ("verify", "math_verify")):
        try:
            __import__(module)
        except ImportError:
            with pytest.raises(MindError) as error:
                comparison(name)
            assert "mind-eval[math]" in str(error.value.hint)
        else:
            assert comparison(name)(r"\frac{1}{2}", r"\frac{2}{4}")
            assert not comparison(name)(r"\frac{1}{2}", r"\frac{1}{3}")
