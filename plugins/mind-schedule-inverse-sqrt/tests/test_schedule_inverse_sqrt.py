"""The factors of the schedule."""

from __future__ import annotations

import pytest
from mind_schedule_inverse_sqrt import InverseSqrt

from mind_core.testing import check_schedule


def test_its_shape() -> None:
    check_schedule(InverseSqrt, steps=300, warmup=20)
    made = InverseSqrt(warmup=100, cooldown=0.1)
    assert [made(n, 1000) for n in (50, 100, 400)] == pytest.approx([0.5, 1.0, 0.5])
    assert made(1000, 1000) == 0.0 and made(950, 1000) == pytest.approx((100 / 950) ** 0.5 / 2)
