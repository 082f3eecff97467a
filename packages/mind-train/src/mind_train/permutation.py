"""The order of training rows: a pure function of (seed, index), found in O(1) time and memory.

Row ``index`` lies in epoch ``index // n``; inside an epoch a keyed permutation of 0 … n-1 says
which window it is, so nothing repeats before everything was seen, and a resumed run continues at
its index without replaying anything.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
# Four make a Feistel network a pseudo-random permutation (Luby & Rackoff 1988); a half of a few
# bits needs some more.
_ROUNDS = 6


def splitmix(x: int) -> int:
    """Scramble 64 bits one to one (the finaliser of splitmix64, Steele et al. 2014)."""
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def permuted(index: int, n: int, key: int) -> int:
    """Give the image of index under a keyed permutation of range(n).

    A Feistel network on the next even power of two, walked until it lands below n (Black &
    Rogaway 2002): at most four tries on average.
    """
    assert 0 <= index < n
    # Two halves of equal width, so the domain is a power of four: at most four times n.
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    low = (1 << half) - 1
    # Cycle walking: a number beyond n is encrypted again, which stays a permutation of those below.
    while True:
        left, right = index >> half, index & low
        for turn in range(_ROUNDS):
            left, right = right, left ^ (splitmix(key ^ splitmix((right << 8) | turn)) & low)
        index = (left << half) | right
        if index < n:
            return index


def row_of(index: int, n: int, seed: int) -> int:
    """Give the row (0 … n-1) that training reads at ``index`` (0, 1, 2 … without end)."""
    # Each epoch has a key of its own, so no two have the same order.
    epoch, place = divmod(index, n)
    return permuted(place, n, splitmix(splitmix(seed & _MASK) ^ epoch))
