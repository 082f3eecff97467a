"""Bytes of a page to text: which charset they are in, and what could not be read.

In this order: a byte order mark; valid UTF-8 with a dozen characters beyond ASCII, which no other
charset looks like by accident; what HTTP or the page itself declares, if all bytes can be read so;
valid UTF-8; detection. Labels mean what the WHATWG Encoding Standard says: gb2312 and gbk are read
as gb18030, iso-8859-1 as windows-1252.
"""

from __future__ import annotations

import codecs
import re
from itertools import islice
from typing import NamedTuple

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
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

_HIGH_BYTES = re.compile(rb"[\x00-\x7f]+")
_FEW_BYTES = 60
_CHINESE = ("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949")

_AS = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030",
    "cp936": "gb18030", "gb18030": "gb18030", "big5": "big5hkscs", "big5-hkscs": "big5hkscs",
    "cn-big5": "big5hkscs", "x-x-big5": "big5hkscs", "iso-8859-1": "cp1252", "latin1": "cp1252",
    "ascii": "cp1252", "us-ascii": "cp1252", "windows-1252": "cp1252", "utf-8": "utf-8",
    "utf8": "utf-8", "utf-16": "utf-16-le", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
    "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp", "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "koi8-r": "koi8_r",
    "koi8-u": "koi8_u", "windows-874": "cp874", "tis-620": "cp874", "macintosh": "mac_roman",
    **{f"windows-125{n}": f"cp125{n}" for n in range(9)},
    **{f"iso-8859-{n}": f"iso8859_{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    "iso-8859-9": "cp1254", "iso-8859-11": "cp874",
}  # fmt: skip


class Decoded(NamedTuple):
    """Hold a page's text, the charset it was read in, and how many places could not be read."""

    text: str
    charset: str
    undecodable: int


def decode_page(data: bytes, declared: str | None = None) -> Decoded:
    """Return the text of a page; `declared` is the charset that HTTP gives.

    What cannot be read becomes U+FFFD and is counted.
    """
    for mark, charset in _MARKS:
        if data.startswith(mark):
            return _replaced(data[len(mark) :], charset)
    utf8 = _strictly(data, "utf-8")
    if utf8 is not None and _is_surely_utf8(data):
        return Decoded(utf8, "utf-8", 0)
    labels = [_known(declared), _known(_declared_in(data))]
    for label in labels:
        if label is not None and (text := _strictly(data, label)) is not None:
            return Decoded(text, label, 0)
    if utf8 is not None:
        return Decoded(utf8, "utf-8", 0)
    return _replaced(data, _detected(data) or labels[0] or labels[1] or "utf-8")


def _strictly(data: bytes, charset: str) -> str | None:
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        return None


def _replaced(data: bytes, charset: str) -> Decoded:
    text = data.decode(charset, "replace")
    before = data.count("\ufffd".encode(charset)) if charset.startswith("utf") else 0
    return Decoded(text, charset, max(0, text.count("\ufffd") - before))


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
