"""Both contamination checks say the same of a benchmark item and a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mind_clean.filters.contamination import Contamination
from mind_eval.contamination import dirty_shares

LATIN = "Élodie a mangé trois pommes vertes près du vieux moulin à eau hier après-midi"
CYRILLIC = (
    "Мария прошла три мили до старой мельницы и потом вернулась домой на велосипеде перед ночью"
)
PAIRS = {
    "kana": ("つぎのうちただしいものはどれですか", "つぎのうち、ただしいものはどれですか。"),
    "katakana of half width": ("ツギノウチタダシイモノハドレカ", "ﾂｷﾞﾉｳﾁﾀﾀﾞｼｲﾓﾉﾊﾄﾞﾚｶ"),
    "cyrillic case": (CYRILLIC, CYRILLIC.upper()),
    "accents composed": (LATIN, LATIN.replace("é", "e\u0301").upper()),
    "ligatures": (f"first office ruffle {LATIN}", f"ﬁrst oﬃce ruﬄe {LATIN}"),
    "another text": (LATIN, CYRILLIC),
    "too short": ("三个字", "三个字"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_two_tools_agree(name: str, tmp_path: Path) -> None:
    item, page = PAIRS[name]
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({"question": f"{item} ({LATIN[::-1]})"}), "utf-8")
    found = Contamination(against=(str(path),), min_hits=1, min_share=0.0)({"text": page})
    (share,) = dirty_shares([[f"{item} ({LATIN[::-1]})"]], [page])
    assert bool(found) == bool(share) == (name not in ("another text", "too short"))
