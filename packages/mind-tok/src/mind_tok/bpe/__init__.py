"""Byte-pair encoding over packed UTF-8: exactly the ids of the reference, free of Python per token.

A text is cut into segments that no merge can cross; a segment's ids come out of a bounded cache, or
are merged. `pair_cuts` cuts as SentencePiece's merges allow, `gpt2_cuts` as GPT-2's pattern says.
"""
