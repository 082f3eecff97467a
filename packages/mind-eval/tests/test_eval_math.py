"""Answers in LaTeX: labelled pairs, no false positive, in milliseconds, and hostile input ends."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from mind_core import MindError
from mind_core.errors import UsageError
from mind_eval.conform.published import read_pairs
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
    assert missed == [("a b", "ba")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"1\frac{2}{3}", "5/3"), (r"2\frac{12}{35}+1", "117/35"), (r"1\frac12", "3/2"),
        (r"1\frac{3}{2}", "3/2"), (r"4\frac{2}{2}", "4"), (r"3\frac{0}{2}", "0"),
        (r"1.5\frac{1}{2}", "3/4"), (r"0.\overline{3}", "1/3"), (r"1.2\overline{34}", "611/495"),
        ("|3+4i|", "5"), ("|-2|", "2"), ("5!", "120"), ("0!", "1"), ("3!!", "720"),
        (r"\sqrt[3]{27}", "3"), ("2^-1", "1/2"), (r"\frac123", "3/2"), (r"\binom{5}{2}", "10"),
        (r"\log_2 8", "3"), (r"\log 100", "2"), (r"\ln e", "1"), (r"\tan\frac{\pi}{4}", "1"),
        (r"\sin^2\frac{\pi}{2}", "1"), (r"2\cdot3\div4", "3/2"), ("6/2*3", "9"), ("--3", "3"),
        ("2(3)[4]{5}", "120"), (".5", "1/2"), ("5.", "5"), ("7-2-1", "4"),
        (r"\frac{1}{2}x_{12}-\frac{x_{12}}{2}", "0"), ("(2+i)(2-i)", "5"),
    ],
)  # fmt: skip
def test_an_expression_has_its_value(text: str, value: str) -> None:
    found = evaluate(text)
    assert float(found.re) == pytest.approx(float(Fraction(value)), abs=1e-12) and not found.im


def test_a_factorial_is_of_a_whole_number_up_to_200() -> None:
    assert evaluate("200!").re == math.factorial(200)
    for text in ("201!", "(1/2)!", "(-1)!", "i!", "1/0", "2)", "(2", r"\unknown", "\\log(-1)"):
        with pytest.raises(NotEvaluable):
            evaluate(text)


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
