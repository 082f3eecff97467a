"""What a plugin author imports from mind-sft-select: the mark that plugs a scorer."""

from mind_sft_select.hookspecs import Scorer, hookimpl

__all__ = ["Scorer", "hookimpl"]
