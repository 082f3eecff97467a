"""Which texts are candidates, and what the tool removes."""

from __future__ import annotations

import random

from mind_signature_simhash import Simhash

from mind_core.testing import check_signature, run_tool

chance = random.Random(0)
LONG = " ".join(chance.choices([f"word{n}" for n in range(900)], k=300))
NEAR = LONG.rsplit(" ", 1)[0] + " another"
OTHER = " ".join(chance.choices([f"other{n}" for n in range(900)], k=300))


def test_near_texts_are_candidates() -> None:
    check_signature(
        Simhash, same=[(LONG, NEAR), ("静水流深", "静水流深。")], different=[(LONG, OTHER)]
    )


def test_through_the_tool() -> None:
    import mind_signature_simhash as plugin

    records = [{"id": str(n), "text": text} for n, text in enumerate([LONG, OTHER, NEAR])]
    given = ["-q", "--allow", "--plugin", str(plugin.__file__), "--signature", "simhash"]
    done = run_tool("mind-dedup", given, records)
    assert done.code == 0, done.stderr
    assert [record["id"] for record in done.records] == ["0", "1"]
