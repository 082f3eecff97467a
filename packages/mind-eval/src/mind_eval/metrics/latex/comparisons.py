"""Ways to compare LaTeX answers: our own, sympy's, math-verify's; the last two are extras.

`exact` needs nothing: see `equality`. `sympy` parses both with sympy's LaTeX parser and simplifies
the difference, as lm-eval's Minerva does. `verify` is Hugging Face's math-verify.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from mind_core import MindError
from mind_core.errors import UsageError
from mind_eval.metrics.latex.equality import same

Comparison = Callable[[str, str], bool]
DEFAULT = "exact"
INSTALL = "pip install 'mind-eval[math]'"


@lru_cache(maxsize=4)
def comparison(name: str) -> Comparison:
    """Return a way to compare (right answer, answer found) by its name.

    Raises `UsageError` for an unknown name, `MindError` where its library is not installed.
    """
    if name not in COMPARISONS:
        raise UsageError(f"there is no --math {name!r}", hint=f"known: {', '.join(COMPARISONS)}")
    return COMPARISONS[name]()


def _sympy() -> Comparison:
    latex = _library("sympy.parsing.latex")
    simplify = _library("sympy").simplify
    try:
        latex.parse_latex("x")
    except ImportError as error:
        raise MindError("--math sympy needs antlr4", cause=error, hint=INSTALL) from error

    def compare(wanted: str, found: str) -> bool:
        try:
            a, b = (latex.parse_latex(text) for text in (wanted, found))
            return bool(a == b or simplify(a - b) == 0)
        except Exception:  # sympy raises what it likes: what it cannot read is not equal
            return wanted.strip() == found.strip()

    return compare


def _verify() -> Comparison:
    library = _library("math_verify")

    def compare(wanted: str, found: str) -> bool:
        texts = [library.parse(f"${text}$") for text in (wanted, found)]
        return bool(library.verify(*texts))

    return compare


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MindError(f"{name} is not installed", cause=error, hint=INSTALL) from error


COMPARISONS: dict[str, Callable[[], Comparison]] = {
    "exact": lambda: same,
    "sympy": _sympy,
    "verify": _verify,
}
