"""What the rules ask about a character, as bits of one table over Unicode."""

from __future__ import annotations

from functools import cache
from unicodedata import category

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.uint32]

SIZE = 0x32400
"""One past the last code point that Unicode gives a letter (Han extension H); all above have none
of the bits."""

ALPHA = np.uint32(1)  # str.isalpha
LOWER = np.uint32(2)  # a letter that is not upper case: lower case, or of a script without cases
UPPER = np.uint32(4)  # a letter that is not lower case
SPACE = np.uint32(8)  # str.isspace
LINE_END = np.uint32(16)  # where str.splitlines cuts
SYMBOL = np.uint32(32)  # in SYMBOLS: a word of nothing else does not count as one
TERMINAL = np.uint32(64)  # ends a sentence in some script
PUNCTUATION = np.uint32(128)  # Unicode category P
SPLITS = np.uint32(256)  # English words: comes off both ends of a chunk
SPLITS_FRONT = np.uint32(512)  # English words: comes off the front of a chunk only
PICTURE = np.uint32(1024)  # English words: Unicode category So, comes off anywhere
BEFORE_STOP = np.uint32(2048)  # English words: a full stop after it comes off the end of a chunk
QUOTE = np.uint32(4096)  # English words: a quotation mark
DIGIT = np.uint32(8192)  # 0 to 9
CURRENCY = np.uint32(16384)  # comes off the front, and off the end after a digit
CHINESE_RUN = np.uint32(32768)  # Chinese words: jieba looks such runs up in its dictionary
HAN = np.uint32(65536)  # Chinese words: the range in which jieba guesses unknown words

QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉\u2329\u232a⟦⟧"
MARKS = "….,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
CURRENCIES = "$£€¥฿₽﷼₴" + "".join(map(chr, range(0x20A0, 0x20C0)))

TERMINALS = (
    "!.?։؝؞؟۔܀܁܂߹࠷࠹࠽࠾।॥၊။።፧፨᙮᜵᜶៖។៕៙៚᠃᠉᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟\u1b7d\u1b7e᰻᰼᱾᱿‼‽⁇⁈⁉⸮⸼\u2e53\u2e54。꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯"
    "꧈꧉꩝꩞꩟꫰꫱꯫﹒﹖﹗！．？｡𐩖𐩗𐽕𐽖𐽗𐽘𐽙\U00010f86\U00010f87\U00010f88\U00010f89𑁇𑁈𑂾𑂿𑃀𑃁𑅁𑅂𑅃𑇅𑇆𑇍𑇞𑇟𑈸𑈹𑈻𑈼𑊩𑑋𑑌"
    "𑗂𑗃𑗉𑗊𑗋𑗌𑗍𑗎𑗏𑗐𑗑𑗒𑗓𑗔𑗕𑗖𑗗𑙁𑙂𑜼𑜽𑜾𑥄𑥆𑩂𑩃𑪛𑪜𑱁𑱂𑻷𑻸\U00011f43\U00011f44𖩮𖩯𖫵𖬷𖬸𖭄𖺘𛲟𝪈"
)
"""Unicode's Sentence_Terminal characters as datatrove 0.10 lists them (`utils/text.py`)."""

SYMBOLS = (
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～"
    + "".join(map(chr, [*range(9), *range(11, 32), *range(127, 160)]))
    + TERMINALS
)
"""datatrove's set of punctuation and symbols, with its oddities (１ is in, ＂ is not), so that a
word counts here when it counts there."""


@cache
def table() -> Table:
    """Return the bits of every code point below `SIZE`, and a last row of none for all others."""
    everything = list(map(chr, range(SIZE)))
    bits = np.zeros(SIZE + 1, np.uint32)

    def mark(bit: np.uint32, flags: list[bool]) -> None:
        bits[:SIZE] |= np.fromiter(flags, np.uint32, SIZE) * bit

    letters = list(map(str.isalpha, everything))
    lower, upper = list(map(str.islower, everything)), list(map(str.isupper, everything))
    mark(ALPHA, letters)
    mark(LOWER, [a and not u for a, u in zip(letters, upper, strict=True)])
    mark(UPPER, [a and not low for a, low in zip(letters, lower, strict=True)])
    mark(SPACE, list(map(str.isspace, everything)))
    classes = list(map(category, everything))
    mark(PUNCTUATION, [name[0] == "P" for name in classes])
    mark(PICTURE, list(map("So".__eq__, classes)))
    for characters, bit in (
        ("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", LINE_END),
        (SYMBOLS, SYMBOL),
        (TERMINALS, TERMINAL),
        (MARKS + QUOTES, SPLITS),
        ("§%=—–", SPLITS_FRONT),
        (QUOTES, QUOTE),
        ("0123456789", DIGIT),
        (CURRENCIES, CURRENCY),
        ("…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪%²-+|" + QUOTES, BEFORE_STOP),
    ):
        bits[[ord(character) for character in characters if ord(character) < SIZE]] |= bit
    bits[ord(".")] &= ~SPLITS  # a single full stop has rules of its own
    bits[bits & (DIGIT | LOWER) > 0] |= BEFORE_STOP
    # As jieba 0.42 has them: Han up to U+9FD5, and what it takes for a word of letters.
    bits[0x4E00:0x9FD6] |= HAN | CHINESE_RUN
    run = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+#&._%-"
    bits[[ord(character) for character in run]] |= CHINESE_RUN
    return bits
