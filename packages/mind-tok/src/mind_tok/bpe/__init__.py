"""Byte-pair encoding over packed UTF-8: exactly the ids of the reference, free of Python per token.

A text is cut into segments that no merge can cross; a segment's ids come out of a bounded cache, or
are merged. `safe_splits` cuts as SentencePiece's merges allow, `gpt2_pretokenizer` as GPT-2's
pattern says.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
