"""The former place of `mind_core.text`, kept for plugins that import from it."""

from mind_core.text.languages import HAN_SHARE_OF_CHINESE, language_of, language_of_text
from mind_core.text.scripts import HAN, count_han

__all__ = ["HAN", "HAN_SHARE_OF_CHINESE", "count_han", "language_of", "language_of_text"]
