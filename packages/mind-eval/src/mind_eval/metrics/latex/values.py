"""The value of a LaTeX expression at a point, in exact fractions: a small parser, no algebra.

Roots and pi are fractions that agree with the real number to 60 digits, so that two expressions of
one value differ by far less than two of different values. Variables stand for fixed rationals.
"""

from __future__ import annotations

import hashlib
import math
import re
from fractions import Fraction
from functools import lru_cache

from mind_eval.metrics.latex.numbers import (
    NotEvaluable,
    Number,
    inverse,
    made,
    power_of,
    root_of,
    times,
)

LONGEST = 300
"""Characters of an expression that is evaluated."""

_PI = Fraction(
    31415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253,
    10**91,
)
_E = Fraction(
    27182818284590452353602874713526624977572470936999595749669676277240766303535475945713821785,
    10**91,
)
_TOKEN = re.compile(
    r"\s*(\\overline\{\d+\}|\d+\.\d*|\.\d+|\d+|\\[a-zA-Z]+|[a-zA-Z]'?|[-+*/^_!(){}\[\]|=,])"
)
_GREEK = (
    "alpha",
    "beta",
    "gamma",
    "delta",
    "theta",
    "lambda",
    "mu",
    "phi",
    "varphi",
    "omega",
    "rho",
    "sigma",
)
_FUNCTIONS = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "cot": lambda x: 1 / math.tan(x),
    "sec": lambda x: 1 / math.cos(x), "csc": lambda x: 1 / math.sin(x), "arcsin": math.asin,
    "arccos": math.acos, "arctan": math.atan, "ln": math.log, "exp": math.exp,
}  # fmt: skip
_OPENS = {"(": ")", "[": "]", "{": "}"}


def evaluate(text: str, point: int = 0) -> Number:
    """Return the value of an expression at a point (0, 1, …); raise `NotEvaluable` without one."""
    if len(text) > LONGEST:
        raise NotEvaluable("too long")
    tokens, place = [], 0
    text = text.strip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise NotEvaluable(text[place:])
        tokens.append(found.group(1))
        place = found.end()
    parser = _Parser(tokens, point)
    try:
        value = parser.sum()
    except (ZeroDivisionError, OverflowError, IndexError, RecursionError, ValueError) as error:
        raise NotEvaluable(str(error)) from None
    if parser.place < len(tokens):
        raise NotEvaluable(f"left over: {tokens[parser.place :]}")
    return value


class _Parser:
    """Recursive descent over tokens, evaluating as it goes."""

    def __init__(self, tokens: list[str], point: int) -> None:
        self.tokens, self.point, self.place = tokens, point, 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise NotEvaluable(f"{wanted} instead of {token}")
        self.place += 1
        return token

    def sum(self) -> Number:
        value = self.product()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            other = self.product()
            value = made(value.re + sign * other.re, value.im + sign * other.im, value, other)
        return value

    def product(self) -> Number:
        value = self.signed()
        while True:
            token = self.peek()
            if token in ("*", "\\cdot", "\\times"):
                self.take()
                value = times(value, self.signed())
            elif token in ("/", "\\div"):
                self.take()
                value = times(value, inverse(self.signed()))
            # Two things side by side are a product: 2x, 3\sqrt{2}.
            elif token and token not in ("+", "-", ")", "]", "}", "|", ",", "=", "^", "_", "!"):
                value = times(value, self.power())
            else:
                return value

    def signed(self) -> Number:
        if self.peek() in ("+", "-"):
            sign = -1 if self.take() == "-" else 1
            # After a sign comes the whole power: -2^2 is -4.
            value = self.signed()
            return Number(sign * value.re, sign * value.im, value.near)
        return self.power()

    def power(self) -> Number:
        value = self.atom()
        while self.peek() == "!":
            self.take()
            # Bounded, as 10^6! would take the memory.
            if value.im or value.re.denominator != 1 or not 0 <= value.re <= 200:
                raise NotEvaluable("factorial")
            value = Number(Fraction(math.factorial(int(value.re))))
        if self.peek() == "^":
            self.take()
            return power_of(value, self.argument())
        return value

    def argument(self) -> Number:
        """Read what follows `^` or a command: a group, or one digit or letter."""
        if self.peek() == "{":
            return self.group()
        token = self.peek()
        if re.fullmatch(r"\d+", token) and len(token) > 1:  # \frac12 and x^23 take one digit
            self.tokens[self.place : self.place + 1] = [token[0], token[1:]]
        if token == "-":
            return self.signed()
        return self.atom()

    def group(self) -> Number:
        closing = _OPENS[self.take()]
        value = self.sum()
        self.take(closing)
        return value

    def atom(self) -> Number:
        token = self.peek()
        if token in ("(", "{", "["):
            return self.group()
        if token == "|":
            self.take()
            value = self.sum()
            self.take("|")
            if value.im:
                return power_of(Number(value.re**2 + value.im**2), Number(Fraction(1, 2)))
            return Number(abs(value.re), near=value.near)
        self.take()
        if token[0].isdigit() or token[0] == ".":
            return self.number(token)
        if token[0] == "\\":
            return self.command(token[1:])
        if token[0].isalpha():
            return self.letter(token)
        raise NotEvaluable(token)

    def number(self, token: str) -> Number:
        following = self.peek()
        if following.startswith("\\overline") and "." in token:
            digits = self.take()[len("\\overline{") : -1]
            start = token.partition(".")[2]
            # 0.1\overline{6} is 1/10 + 6/90.
            repeated = Fraction(int(digits), 10 ** len(start) * (10 ** len(digits) - 1))
            return Number(Fraction(token if start else token + "0") + repeated)
        value = Fraction(token + "0" if token.endswith(".") else token)
        if following == "\\frac" and "." not in token:
            return self.mixed(value)
        return Number(value)

    def mixed(self, whole: Fraction) -> Number:
        """Read `1\\frac{2}{3}` as one and two thirds where both are whole and it is below one."""
        following = self.tokens[self.place + 1 : self.place + 7]
        if following and re.fullmatch(r"\d\d", following[0]):  # 1\frac12
            following[:1] = ["{", following[0][0], "}", "{", following[0][1], "}"]
            self.tokens[self.place + 1 : self.place + 2] = following[:6]
        plain = "".join(following[:6])
        found = re.match(r"\{(\d+)\}\{(\d+)\}", plain)
        # 2\frac{3}{2} is rather a product; below one, a whole with a fraction is a mixed number.
        if found and 0 < int(found[1]) < int(found[2]):
            self.place += 7
            return Number(whole + Fraction(int(found[1]), int(found[2])))
        return Number(whole)

    def letter(self, name: str) -> Number:
        if name == "i":
            return Number(Fraction(0), Fraction(1))
        if name == "e":
            return Number(_E)
        if self.peek() == "_":
            self.take()
            name += "_" + self.subscript()
        return Number(_variable(name, self.point))

    def subscript(self) -> str:
        if self.peek() != "{":
            return self.take()
        self.take("{")
        made = ""
        while self.peek() not in ("}", ""):
            made += self.take()
        self.take("}")
        return made

    def command(self, name: str) -> Number:
        if name == "frac":
            above = self.argument()
            return times(above, inverse(self.argument()))
        if name == "sqrt":
            degree = Number(Fraction(2))
            if self.peek() == "[":
                degree = self.group()
            return root_of(self.argument(), degree)
        if name == "pi":
            return Number(_PI)
        if name in ("binom", "tbinom", "dbinom"):
            n, k = self.argument().re, self.argument().re
            return Number(Fraction(math.comb(int(n), int(k))))
        if name in _FUNCTIONS or name == "log":
            return self.function(name)
        if name in _GREEK:
            return self.letter(name)
        raise NotEvaluable(name)

    def function(self, name: str) -> Number:
        exponent, base = None, 10.0
        if name == "log" and self.peek() == "_":
            self.take()
            base = float(self.argument().re)
        elif self.peek() == "^":
            self.take()
            exponent = self.argument()
        value = self.power()
        # \sin 2x takes the 2x: an argument without brackets goes on over numbers, letters and
        # commands.
        while self.peek() and self.peek()[0] in "0123456789\\abcdfghjklmnopqrstuvwxyz":
            if self.peek() in ("\\cdot", "\\times", "\\div"):
                break
            value = times(value, self.power())
        if value.im:
            raise NotEvaluable("a function of a complex number")
        x = float(value.re)
        y = math.log(x, base) if name == "log" else _FUNCTIONS[name](x)
        # The C library gives 15 digits: compared by a wider bound from here on.
        found = Number(Fraction(y), near=True)
        return found if exponent is None else power_of(found, exponent)


@lru_cache(maxsize=1024)
def _variable(name: str, point: int) -> Fraction:
    """Return the rational number that a variable stands for at a point."""
    draw = hashlib.sha256(f"{name}|{point}".encode()).digest()
    # Above 1, so that roots and logarithms of variables exist; by hash, so that it is the same in
    # every process.
    return Fraction(11 + draw[0] % 89, (2, 3, 5, 7)[draw[1] % 4])
