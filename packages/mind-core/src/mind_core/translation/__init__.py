"""Help and messages in the user's language: catalogues, the help's formatter, extraction.

The code speaks English. What a catalogue has (`locale/zh_CN.po` in a package) is shown in its
language where the locale asks for it; everything else, and all that machines read, stays as it is.
"""

from __future__ import annotations

import os
import sys

from mind_core.translation.catalogue import Catalogue, wanted_languages


def users_catalogue(tool: str) -> Catalogue | None:
    """Return the catalogue of the locale's language for a tool; None is English.

    A terminal whose encoding lacks the characters gets English as well.
    """
    for language in wanted_languages(os.environ):
        catalogue = Catalogue.of(language, ["mind_core", tool.split()[0].replace("-", "_")])
        if catalogue is not None:
            return catalogue if _can_show(catalogue) else None
    return None


def _can_show(catalogue: Catalogue) -> bool:
    for stream in (sys.stdout, sys.stderr):
        try:
            catalogue("error: ").encode(getattr(stream, "encoding", None) or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
    return True
