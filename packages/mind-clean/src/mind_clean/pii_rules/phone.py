"""Mobile telephone numbers of mainland China: 1[3-9] and nine digits, perhaps with +86.

Those of Hong Kong, Macao and Taiwan are of the same kind (`overseas`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mind_clean.pii_rules.overseas import find_overseas_mobiles

_CANDIDATE = re.compile(
    # Not inside a word, a longer number, a decimal or a version; a cue may be glued to it.
    r"(?:(?<![0-9A-Za-z_])|(?<=[Tt][Ee][Ll])|(?<=[Pp]hone)|(?<=[Mm]obile))(?<![0-9A-Za-z][.\-])"
    r"(?P<country>\(?(?:\+|00)?86\)?[ -]?)?"
    r"1[3-9][0-9](?P<gap>[ .-]?)[0-9]{4}(?P=gap)[0-9]{4}"
    r"(?![0-9A-Za-z_])(?!\.[0-9])(?!-[0-9]{5})"
)
# Eleven bare digits may also be an amount or the number of an order: look around.
_AMOUNT_BEFORE = re.compile(r"[$¥￥€£#]\s?$|[(=,]-$|[*×÷^]\s?$|(?<![0-9])[0-9]{1,4}/$|小数点后$")
_OTHER_NUMBER_BEFORE = re.compile(
    r"(?:订单|訂單|单号|單號|编号|編號|流水号|序列号|货号|型号|批号|账号|帐号|号段"
    r"|\b(?:order|invoice|serial|tracking|sku|isbn|qq|id|uid|pid|no))[^0-9\n]{0,6}$",
    re.IGNORECASE,
)
_UNIT_AFTER = re.compile(
    r"\s?(?:bytes?\b|bits?\b|[KMGTP]i?B\b|B\b|[mµn]s\b|Hz\b|%|字节|字節|比特|元|美元"
    r"|人民币|人次|公里|千米|平方|to [0-9])"
)
_COUNTED_AFTER = re.compile(r"[号號条條章名个個次页頁]")
_REACHED_AFTER = re.compile(r"位(?![于於置])|\s?[*×÷^]\s?[0-9A-Za-z(]|\s\+\s[0-9]")
_FRACTION_AFTER = re.compile("/(?!1[3-9][0-9]{9})[0-9]")
_LOOK_BACK = 20
_MIB = 1 << 20


def find_phones(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of mobile numbers, with their country code."""
    for match in _CANDIDATE.finditer(text, low, high):
        # A number in groups is a telephone number; eleven digits in a row may be anything.
        if match["gap"]:
            if not _in_a_row_of_numbers(text, match):
                yield match.span()
        elif match["country"] or not _is_another_number(text, match):
            yield match.span()
    yield from find_overseas_mobiles(text, low, high)


def _in_a_row_of_numbers(text: str, match: re.Match[str]) -> bool:
    """Say whether 139 1024 2048 has more numbers beside it, as in a table."""
    before = text[max(0, match.start() - 2) : match.start()]
    after = text[match.end() : match.end() + 2]
    return match["gap"] == " " and (
        (before[:1].isdecimal() and before[1:] == " ")
        or (after[:1] == " " and after[1:].isdecimal())
    )


def _is_another_number(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
    return bool(
        _AMOUNT_BEFORE.search(before)
        or _OTHER_NUMBER_BEFORE.search(before)
        or _UNIT_AFTER.match(text, match.end())
        or _FRACTION_AFTER.match(text, match.end())
        or _REACHED_AFTER.match(text, match.end())
        or (before.endswith("第") and _COUNTED_AFTER.match(text, match.end()))
        or int(match[0]) % _MIB == 0  # 17179869184 is 16 GiB: a size in bytes
    )
