"""Counting in loops gives what Python counts."""

from __future__ import annotations

import random

import numpy as np

from mind_clean.character_counts import count_classes, count_visible
from mind_clean.letters import LetterCounts, _classes, count_letters

EVERYTHING = "".join(map(chr, range(0x110000)))


def test_each_character_is_visible_or_white_as_python_has_it() -> None:
    for start in range(0, len(EVERYTHING), 977):
        text = EVERYTHING[start : start + 977]
        assert count_visible(text) == len("".join(text.split()))
    assert count_visible("a&nbsp; &amp;\u3000b") == 13


def test_letters_are_counted_as_by_a_table() -> None:
    chance = random.Random(3)
    texts = [EVERYTHING, "", "茶 tea ½ Ⅷ カ 한 𠀀"]
    texts += ["".join(chance.choices(EVERYTHING[:0x3200], k=50)) for _ in range(200)]
    for text in texts:
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        classes = _classes().take(points, mode="clip")
        expected = np.bincount(classes, minlength=len(LetterCounts._fields)).tolist()
        assert count_classes(text, _classes(), len(LetterCounts._fields)).tolist() == expected
        assert list(count_letters(text)) == expected
