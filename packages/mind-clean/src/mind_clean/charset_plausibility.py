"""How much a text looks like Chinese or Japanese as people write it, to choose between charsets.

Bytes of one East Asian charset are mostly valid in another, as rare characters: a page of Hong Kong
becomes 翠濓刁カ. So each reading is weighed by what its characters are.
"""

from __future__ import annotations

import re
from functools import cache

_FREQUENT = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过"
    "子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小现实加都两"
    "這為個國時來們於會發動過說產種後學經進著電裡現實與對長開關還沒無間問題應當點將從業機體"
    "日本月年見気事者言手会社東京新聞時間方法場合必要"
)
_MARKS = frozenset("，。、；：？！“”‘’「」『』《》（）【】…—·　〜・ー々〇")
# Share of kana from which on a text is taken for Japanese.
_JAPANESE = 0.15
# Characters beyond ASCII; more of them hardly change the mean.
_SAMPLE = 4000
_BEYOND = re.compile(r"[^\x00-\x7f]")

FREQUENT_WORTH, COMMON_WORTH, MARK_WORTH, KANA_WORTH = 3.0, 1.0, 2.0, 1.5
HALF_KANA, RARE, LETTER, LOST = -2.0, -1.0, -0.5, -10.0


@cache
def _worths() -> dict[str, float]:
    """Return what each character is worth; those of the charsets' first levels are common."""
    worths: dict[str, float] = {}
    for charset, rows, cells in (("gb2312", range(0xB0, 0xD8), range(0xA1, 0xFF)),
                                 ("big5", range(0xA4, 0xC7), range(0x40, 0xFF)),
                                 ("euc_jp", range(0xB0, 0xD0), range(0xA1, 0xFF))):  # fmt: skip
        for row in rows:
            for cell in cells:
                text = bytes((row, cell)).decode(charset, "ignore")
                if len(text) == 1 and text > "\x7f":
                    worths[text] = COMMON_WORTH
    worths.update(dict.fromkeys(_MARKS, MARK_WORTH))
    worths.update(dict.fromkeys(_FREQUENT, FREQUENT_WORTH))
    worths.update({chr(point): KANA_WORTH for point in range(0x3041, 0x30FB)})
    return worths


def plausibility(text: str) -> float:
    """Return the mean worth of the characters beyond ASCII; 0 for a text without any."""
    # Two bounds, as a page of mostly ASCII would be read to its end for want of so many others.
    found = _BEYOND.findall(text[: 50 * _SAMPLE])[:_SAMPLE]
    if not found:
        return 0.0
    worths = _worths()
    kana = sum("\u3041" <= c <= "\u30fa" for c in found)
    total = sum(worths[c] if c in worths else _other(c) for c in found)
    if kana > _JAPANESE * len(found):
        foreign = sum(c in worths and "\u4e00" <= c <= "\u9fff" and _not_japanese(c) for c in found)
        total += foreign * (RARE - COMMON_WORTH)
    return float(total / len(found))


@cache
def _not_japanese(character: str) -> bool:
    """Tell a Chinese character that Japan's charset lacks: no Japanese page has many of them."""
    return not character.encode("euc_jp", "ignore")


def _other(character: str) -> float:
    point = ord(character)
    # What could not be read, private use, and C1 controls: next to never on a page that was read
    # right.
    if character == "\ufffd" or 0xE000 <= point <= 0xF8FF or 0x80 <= point < 0xA0:
        return LOST
    if 0xFF61 <= point <= 0xFF9F:
        return HALF_KANA
    if 0x3400 <= point <= 0x9FFF or point >= 0x20000:
        return RARE
    if 0xAC00 <= point <= 0xD7A3:
        return COMMON_WORTH
    return 0.0 if 0xFF00 <= point <= 0xFF5E or 0x2000 <= point <= 0x2BFF else LETTER
