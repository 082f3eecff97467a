"""What a plugin author imports from mind-clean: what may be plugged, and the mark that plugs it."""

from mind_clean.hookspecs import Extractor, Filter, Transform, hookimpl
from mind_clean.main_text import MainText
from mind_clean.notes import noted

__all__ = ["Extractor", "Filter", "MainText", "Transform", "hookimpl", "noted"]
