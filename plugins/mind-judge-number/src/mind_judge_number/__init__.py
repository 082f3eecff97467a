"""A judge for mind-domain: the last number of an answer is that of the reference."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from mind_core import Offers
from mind_domain import Judge, Verdict, hookimpl

# Bounded everywhere, so that a text of digits alone takes linear time; a minus is the sign of
# typography (U+2212) as well, commas and per cent are full-width ones too.
NUMBER = re.compile(r"[-+−]?\d[\d,，]{0,30}(?:\.\d{1,30})?(?:\s{0,2}[%％])?")


def last_number(text: str) -> float | None:
    """Return the last number of a text; 12% is 0.12, and 1,200 is 1200."""
    found = NUMBER.findall(text)
    if not found:
        return None
    word = re.sub(r"[,，\s]", "", found[-1]).replace("−", "-")
    value = float(word.rstrip("%％"))
    return value / 100 if word[-1] in "%％" else value


@dataclass(frozen=True)
class Number:
    """Give 1 for an answer whose last number is within `tolerance` of the reference's, else 0."""

    tolerance: float = 1e-6

    def __call__(self, question: str, answer: str, reference: str) -> Verdict:  # noqa: ARG002
        """Compare relatively; an answer without a number is wrong."""
        wanted, given = last_number(reference), last_number(answer)
        if wanted is None:
            return Verdict(0.0, "no_reference")
        if given is None:
            return Verdict(0.0, "no_number")
        # Absolute as well: next to a reference of 0 nothing is relatively near.
        near = math.isclose(given, wanted, rel_tol=self.tolerance, abs_tol=self.tolerance)
        return Verdict(1.0, "right") if near else Verdict(0.0, "wrong")


@hookimpl
def register_judges() -> Offers[Judge]:
    """Offer the judge."""
    return {"number": Number}
