"""Texts of one charset that were read as another, where East Asian charsets are on a side.

UTF-8 read as GB18030 (涓浗), Big5 (銝剖) or Shift_JIS (荳ｭ蝗ｽ); GB18030, Big5, Shift_JIS and EUC-JP
read as Latin-1 or Windows-1252 (¤¤¤å). The bytes are made again and read as what they were; that is
believed only if clearly better Chinese or Japanese comes out (`charset_plausibility`). A character
whose bytes were lost becomes U+FFFD.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from mind_clean.charset_plausibility import plausibility

LOST = "\ufffd"
_UTF_8 = "utf-8"
_LATIN = "windows-1252"
_LONGEST_CHARACTER = 3
"""Bytes; the four of GB18030 hold digits, which no run of UTF-8 gives."""

_EURO = {"gb18030": b"\x80"}
"""What browsers read the byte 80 of a charset as, which Python's codec refuses: the euro sign."""


@dataclass(frozen=True)
class Misreading:
    """A charset that a text was written in, and the one that it was read in."""

    written: str
    read: str
    signs: tuple[str, ...]
    """One of these stands in nearly every such text, and in hardly any other."""


MISREADINGS = (
    Misreading(_UTF_8, "gb18030", tuple("锛銆鐨鈥涓鍥鏄鍦浜鎴杩")),
    Misreading(_UTF_8, "big5hkscs", tuple("嚗銝銵鈭撟")),
    Misreading(_UTF_8, "cp932", tuple("縺繧繝荳逧窶譏莠螟謌蝨霑")),
    Misreading("gb18030", _LATIN, ("µÄ", "£¬", "¡£", "ÊÇ", "¡¢", "ÖÐ")),
    Misreading("big5hkscs", _LATIN, ("ªº", "¡A", "¡C", "¡B", "¬O", "¤£", "¤@", "¤H", "¤¤")),
    Misreading("cp932", _LATIN, ("‚", "\x82", "\x81", "ƒ", "\x83")),
    Misreading("euc_jp", _LATIN, ("¤Î", "¡£", "¡¢", "¤Ë", "¤ò", "¤¬", "¥¹", "¥ó")),
)

_FIRST_OF_SIGNS = re.compile(
    "[" + "".join(sorted({sign[0] for one in MISREADINGS for sign in one.signs})) + "]"
)

MOST_LOST = 0.05
"""Of a line that is mended: as of a page that is read (`html_bytes.MAX_UNDECODABLE`)."""

_LEAST_GAIN, _LEAST_WORTH = 0.8, 0.7
"""By which the reading is more plausible than the text, and how plausible it is at least."""

_SURE_GAIN, _SURE_CHARACTERS = 1.2, 4
"""The same for a line by itself, of a text that is sound on the whole."""

_MOST_LOST_OF_TEXT = 0.5
_LONGEST = 100_000
_BEYOND = re.compile(r"[^\x00-\x7f]")
_RUNS_OF_LOST = re.compile("\ufffd[?\ufffd]*")
_LATIN_LETTERS = re.compile(r"[A-Za-z\u00c0-\u024f]")
_EAST_ASIAN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]")


def misreadings_in(text: str) -> list[Misreading]:
    """Return those of which a sign stands in a text: most texts have none, and are done."""
    if _FIRST_OF_SIGNS.search(text) is None:
        return []
    return [one for one in MISREADINGS if any(sign in text for sign in one.signs)]


def reread(text: str, how: Misreading) -> str:
    """Return the text read as what it was; what cannot be becomes U+FFFD, each time one."""
    data = b"".join(map(_bytes_of(how.read).__getitem__, text))
    # One lost character gives several U+FFFD, and "?" where a program had replaced it before.
    return _RUNS_OF_LOST.sub(LOST, data.decode(how.written, "replace"))


class _Bytes(dict[str, bytes]):
    """The bytes of each character in a charset; `FF`, which no charset has, for what it lacks."""

    def __init__(self, charset: str) -> None:
        super().__init__()
        self.charset = charset

    def __missing__(self, character: str) -> bytes:
        if self.charset == _LATIN:
            # Browsers read bytes that Windows-1252 leaves undefined as the C1 control of that
            # number.
            found = character.encode("cp1252" if character > "\xff" else "latin-1", "ignore")
        elif character == "€" and self.charset in _EURO:
            found = _EURO[self.charset]
        elif character < "\xa1":
            found = character.encode("latin-1")
        else:
            found = character.encode(self.charset, "ignore")
            if len(found) > _LONGEST_CHARACTER or character == LOST:
                found = b""
        # A text may hold any of a million code points; the table stays small.
        if len(self) < 1 << 16:
            self[character] = found or b"\xff"
        return found or b"\xff"


@cache
def _bytes_of(charset: str) -> _Bytes:
    return _Bytes(charset)


def mended(text: str) -> str:
    """Return the text with the lines mended that were misread and can be read again."""
    found = misreadings_in(text)
    if not found:
        return text
    lines = text.split("\n")
    foreign = [line for line in lines if not line.isascii() and len(line) <= _LONGEST]
    # All lines together tell what a short line alone cannot.
    pooled = "\n".join(foreign)[:_LONGEST]
    whole = max(found, key=lambda how: _gain(pooled, how, _MOST_LOST_OF_TEXT))
    if _gain(pooled, whole, _MOST_LOST_OF_TEXT) >= _LEAST_GAIN:
        return "\n".join(_line(line, whole, 0.0, 1) for line in lines)
    # Single lines are only mended of East Asian readings: Latin signs stand in other languages too.
    if how := [one for one in found if one.read != _LATIN]:
        best = how[0]
        return "\n".join(_line(line, best, _SURE_GAIN, _SURE_CHARACTERS) for line in lines)
    return text


def _line(line: str, how: Misreading, least_gain: float, least: int) -> str:
    if line.isascii() or len(line) > _LONGEST or len(_BEYOND.findall(line)) < least:
        return line
    if least_gain and not any(sign in line for sign in how.signs):
        return line
    again = reread(line, how)
    if again.count(LOST) > MOST_LOST * len(_BEYOND.findall(again)):
        return line
    return again if not least_gain or _gain(line, how, 0.0) >= least_gain else line


def _gain(text: str, how: Misreading, most_lost: float) -> float:
    """Return by how much the reading is more plausible; -9 if too much is lost, or no text."""
    if not any(sign in text for sign in how.signs):
        return -9.0
    again = reread(text, how)
    lost, beyond = again.count(LOST), len(_BEYOND.findall(again))
    if lost > most_lost * max(1, beyond):
        return -9.0
    kept = again.replace(LOST, "")
    worth = plausibility(kept)
    if worth < _LEAST_WORTH:
        return -9.0
    if how.read == _LATIN and not _is_east_asian(kept):
        return -9.0
    return worth - plausibility(text.replace(LOST, ""))


def _is_east_asian(text: str) -> bool:
    """Tell whether most of what is beyond ASCII is East Asian, and there is enough of it."""
    found = len(_EAST_ASIAN.findall(text))
    return found >= _SURE_CHARACTERS and found >= 0.9 * len(_BEYOND.findall(text))
