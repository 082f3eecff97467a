"""Bytes of a page to text: which charset they are in, and what could not be read.

In this order: a byte order mark; escapes of ISO-2022-JP and HZ; the zeros of UTF-16 and UTF-32;
UTF-8 with a dozen characters beyond ASCII and next to nothing wrong, which no other charset looks
like by accident; what HTTP or the page itself declares, while less than a hundredth of it cannot be
read so and no other East Asian charset makes clearly better Chinese or Japanese of it; valid UTF-8;
detection, the same charsets weighed. Labels mean what the WHATWG Encoding Standard says: gb2312 and
gbk are read as gb18030, iso-8859-1 as windows-1252.
"""

from __future__ import annotations

import codecs
import re
from itertools import islice
from typing import NamedTuple

from mind_clean.charset_plausibility import plausibility

# UTF-32 before UTF-16: FF FE 00 00 begins with the mark of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(
    rb"<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?\s{0,5}([a-zA-Z0-9_:.-]{2,40})", re.IGNORECASE
)
_XML = re.compile(rb"<\?xml[^>]{0,200}?encoding\s{0,5}=\s{0,5}[\"']([a-zA-Z0-9_:.-]{2,40})")
_LOOK_AHEAD = 4096
"""Browsers look for a declaration in the first 1,024 bytes; old pages put scripts before it."""

_BEYOND_ASCII = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_SURELY_UTF8 = 12

# Taken out of the bytes of a page, it leaves the high ones.
_HIGH_BYTES = re.compile(rb"[\x00-\x7f]+")
_FEW_BYTES = 60
_CHINESE = ("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949")

_FEW = 0.01
"""A charset stands while a smaller share of the characters cannot be read in it."""

_BONUS, _NO_BONUS = 0.3, 0.05
"""How much better another reading has to be than one that is declared, and than a guess."""

_JIS, _HZ = re.compile(rb"\x1b\$[@B]"), re.compile(rb"~\{(?:[\x21-\x77][\x21-\x7e])+~\}")
_HIGH, _LATIN_RUN = re.compile(rb"[\x80-\xff]"), re.compile(rb"[\x80-\xff]{4}")
_LOST_BY_ONE = 4
"""Characters that one wrong byte may cost where the bytes come in pairs."""

_MIN_ZEROS, _SOME, _MAX_ZERO_SHARE = 16, 0.2, 0.9

_AS = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030",
    "cp936": "gb18030", "gb18030": "gb18030", "big5": "big5hkscs", "big5-hkscs": "big5hkscs",
    "cn-big5": "big5hkscs", "x-x-big5": "big5hkscs", "iso-8859-1": "cp1252", "latin1": "cp1252",
    "ascii": "cp1252", "us-ascii": "cp1252", "windows-1252": "cp1252", "utf-8": "utf-8",
    "utf8": "utf-8", "utf-16": "utf-16-le", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
    "utf-32": "utf-32-le", "utf-32le": "utf-32-le", "utf-32be": "utf-32-be", "hz-gb-2312": "hz",
    "hz": "hz", "windows-31j": "cp932", "sjis": "cp932",
    "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp", "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "koi8-r": "koi8_r",
    "koi8-u": "koi8_u", "windows-874": "cp874", "tis-620": "cp874", "macintosh": "mac_roman",
    **{f"windows-125{n}": f"cp125{n}" for n in range(9)},
    **{f"iso-8859-{n}": f"iso8859_{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    "iso-8859-9": "cp1254", "iso-8859-11": "cp874",
}  # fmt: skip


class DecodedPage(NamedTuple):
    """Hold a page's text, the charset it was read in, and how many places could not be read."""

    text: str
    charset: str
    undecodable: int


def decode_page(data: bytes, declared: str | None = None) -> DecodedPage:
    """Return the text of a page; `declared` is the charset that HTTP gives.

    What cannot be read becomes U+FFFD and is counted.
    """
    for mark, charset in _MARKS:
        if data.startswith(mark):
            return _replaced(data[len(mark) :], charset)
    # Before UTF-8: escapes are bytes of seven bits and zeros are NUL, and both are valid UTF-8.
    if (escaped := _by_escapes(data) or _by_zeros(data)) is not None:
        return _replaced(data, escaped)
    utf8 = _replaced(data, "utf-8")
    if utf8.undecodable <= _FEW * len(_BEYOND_ASCII.findall(data)) and _is_surely_utf8(data):
        return utf8
    # HTTP before the page, as in the WHATWG standard.
    labels = [_known(declared), _known(_declared_in(data))]
    for label in labels:
        found = None if label is None else _replaced(data, label)
        if found is not None and found.undecodable <= _FEW * max(1, len(found.text)):
            return _weighed(data, found)
    if not utf8.undecodable:
        return utf8
    detected = _replaced(data, _detected(data) or labels[0] or labels[1] or "utf-8")
    return _weighed(data, detected, _NO_BONUS)


def _weighed(data: bytes, found: DecodedPage, bonus: float = _BONUS) -> DecodedPage:
    """Return the reading, or that in another East Asian charset if it is clearly better text.

    Latin letters are weighed against Chinese only where they stand in long runs.
    """
    if found.charset not in _CHINESE and not _LATIN_RUN.search(data):
        return found
    # All of it is ASCII, which reads the same in each of the charsets.
    if not _HIGH.search(data):
        return found
    best, best_worth = found, plausibility(found.text) + bonus
    for charset in _CHINESE:
        if charset == found.charset:
            continue
        other = _replaced(data, charset)
        worth = plausibility(other.text)
        if worth > best_worth and worth > 0 and other.undecodable <= _FEW * max(1, len(other.text)):
            best, best_worth = other, worth
    return best


def _by_escapes(data: bytes) -> str | None:
    """Return ISO-2022-JP or HZ for bytes of seven bits with their escapes."""
    if _JIS.search(data) is None and _HZ.search(data) is None:
        return None
    if len(_HIGH.findall(data)) > max(1, _FEW * len(data)):
        return None
    for charset, sign in (("iso2022_jp", _JIS), ("hz", _HZ)):
        if sign.search(data) is not None:
            found = _replaced(data, charset)
            few = max(_LOST_BY_ONE, _FEW * len(found.text))
            if found.undecodable <= few and plausibility(found.text) > 0:
                return charset
    return None


def _by_zeros(data: bytes) -> str | None:
    """Return UTF-16 or UTF-32 for bytes with the zeros that ASCII has in them, and little else.

    The tags of a page are ASCII, so zeros stand at every second place, or at three of four.
    """
    start = data[:_LOOK_AHEAD]
    if len(start) < _MIN_ZEROS or start.count(0) < len(start) // _MIN_ZEROS:
        return None
    zeros = [start[place::4].count(0) / max(1, len(start[place::4])) for place in range(4)]
    for charset, places in (("utf-32-le", (2, 3)), ("utf-32-be", (0, 1))):
        if all(zeros[place] > _MAX_ZERO_SHARE for place in places):
            found = _replaced(data, charset)
            return charset if found.undecodable <= _FEW * len(found.text) else None
    little, big = zeros[1] + zeros[3], zeros[0] + zeros[2]
    if max(little, big) < _SOME or min(little, big) > _SOME:
        return None
    return "utf-16-le" if little > big else "utf-16-be"


def _strictly(data: bytes, charset: str) -> str | None:
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        return None


def _replaced(data: bytes, charset: str) -> DecodedPage:
    text = data.decode(charset, "replace")
    # A page may hold U+FFFD itself, where a program before wrote it: that was read without a loss.
    before = data.count("\ufffd".encode(charset)) if charset.startswith("utf") else 0
    return DecodedPage(text, charset, max(0, text.count("\ufffd") - before))


def _is_surely_utf8(data: bytes) -> bool:
    found = islice(_BEYOND_ASCII.finditer(data), _SURELY_UTF8)
    return sum(1 for _ in found) == _SURELY_UTF8


def _declared_in(data: bytes) -> str | None:
    start = data[:_LOOK_AHEAD]
    match = _META.search(start) or _XML.search(start)
    # A page that could be read so far as to find "utf-16" in ASCII is not in it (HTML §13.2.3.2).
    label = match[1].decode("ascii").lower() if match else None
    return "utf-8" if label and label.startswith("utf-16") else label


def _known(label: str | None) -> str | None:
    """Return Python's name of a charset of the web; None for another, or one that is no charset."""
    return _AS.get(label.strip().lower()) if label else None


def _detected(data: bytes) -> str | None:
    """Return what the bytes look like.

    A detector that counts frequencies takes a few Chinese characters for Greek or Western letters;
    so few bytes are Chinese if all of them are characters of GB 2312 or of Big5.
    """
    from resiliparse.parse.encoding import detect_encoding

    found = detect_encoding(data, from_html_meta=False) or "utf-8"
    charset = _known(found) or _AS.get(found.replace("iso8859-", "iso-8859-")) or found
    if charset not in _CHINESE and len(_HIGH_BYTES.sub(b"", data)) <= _FEW_BYTES:
        for strict, read_as in (("gb2312", "gb18030"), ("big5", "big5hkscs")):
            if _strictly(data, strict) is not None:
                return read_as
    return charset
