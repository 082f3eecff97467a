"""Complex numbers in exact fractions; roots agree with the real number to `DIGITS` digits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

DIGITS = 60
MAX_BITS = 12_000


class NotEvaluable(ValueError):
    """What is written is no expression that this parser evaluates."""


@dataclass(frozen=True)
class Number:
    """A complex number; `near` says that a function of the C library had a hand in it."""

    re: Fraction
    im: Fraction = Fraction(0)
    near: bool = False

    def is_close(self, other: Number) -> bool:
        """Tell whether two numbers agree to what they are exact to."""
        bound = Fraction(1, 10**9) if self.near or other.near else Fraction(1, 10**40)
        # Relative to the larger one; the last is for two numbers that are both next to 0.
        size = max(abs(self.re) + abs(self.im), abs(other.re) + abs(other.im), Fraction(1, 10**20))
        return max(abs(self.re - other.re), abs(self.im - other.im)) <= bound * size


def made(real: Fraction, imaginary: Fraction, *parts: Number) -> Number:
    """Make a number of two parts; it is near where one of those that it comes from is."""
    return Number(_short(real), _short(imaginary), any(part.near for part in parts))


def times(a: Number, b: Number) -> Number:
    """Multiply two numbers of a LaTeX answer, exactly."""
    return made(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re, a, b)


def inverse(a: Number) -> Number:
    """Return one over a number; raise `ZeroDivisionError` for zero."""
    size = a.re**2 + a.im**2
    return made(a.re / size, -a.im / size, a)


def power_of(base: Number, exponent: Number) -> Number:
    """Raise a number to a rational power; `NotEvaluable` if not unique, or huge."""
    if exponent.im:
        raise NotEvaluable("a complex exponent")
    top, bottom = exponent.re.numerator, exponent.re.denominator
    # Too large for exact roots and powers: then by floats.
    if bottom > 64 or abs(top) > 4096:
        if base.im or base.re <= 0:
            raise NotEvaluable("an exponent")
        return Number(Fraction(float(base.re) ** float(exponent.re)), near=True)
    if top < 0:
        base, top = inverse(base), -top
    bits = max(base.re.numerator.bit_length(), base.re.denominator.bit_length(), 1)
    # Looked at before: the power itself would take the time and the memory.
    if bits * top > 64 * MAX_BITS:
        raise NotEvaluable("too large")
    value = Number(Fraction(1))
    square = base
    # Squares for each bit of the exponent.
    while top:
        if top & 1:
            value = times(value, square)
        square, top = times(square, square), top >> 1
    return value if bottom == 1 else root_of(value, Number(Fraction(bottom)))


def root_of(value: Number, degree: Number) -> Number:
    """Return a real root, or the imaginary square root of a negative number."""
    n = degree.re
    if value.im or degree.im or n.denominator != 1 or not 2 <= n <= 64:
        raise NotEvaluable("a root")
    n_int = int(n)
    if value.re < 0:
        found = _positive_root(-value.re, n_int)
        if n_int % 2:
            return Number(-found, near=value.near)
        if n_int == 2:
            return Number(Fraction(0), found, value.near)
        raise NotEvaluable("an even root of a negative number")
    return Number(_positive_root(value.re, n_int), near=value.near)


def _positive_root(value: Fraction, n: int) -> Fraction:
    """Return the n-th root, exact where it is rational, else to `DIGITS` digits."""
    above, below = _whole_root(value.numerator, n), _whole_root(value.denominator, n)
    if above**n == value.numerator and below**n == value.denominator:
        return Fraction(above, below)
    scale = 10 ** (n * (DIGITS + 10))
    return Fraction(
        _whole_root(value.numerator * scale // value.denominator, n), 10 ** (DIGITS + 10)
    )


def _whole_root(value: int, n: int) -> int:
    if n == 2:
        return math.isqrt(value)
    # Not below the root, so Newton's steps fall until they reach it.
    guess = 1 << -(-value.bit_length() // n)
    while True:
        better = ((n - 1) * guess + value // guess ** (n - 1)) // n
        if better >= guess:
            return guess
        guess = better


def _short(value: Fraction) -> Fraction:
    """Return a fraction of bounded size, the same to more digits than are compared."""
    if value.denominator.bit_length() + value.numerator.bit_length() <= MAX_BITS:
        return value
    # 600 bits are 180 digits, of which 40 are compared.
    shift = value.denominator.bit_length() - 600
    if shift <= 0:
        return value
    return Fraction(value.numerator >> shift, value.denominator >> shift)
