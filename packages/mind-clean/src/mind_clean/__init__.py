"""What a plugin author imports from mind-clean: what may be plugged, and the mark that plugs it."""

from mind_clean.annotations import annotated
from mind_clean.hookspecs import DocumentReader, Extractor, Filter, Transform, hookimpl
from mind_clean.main_text import MainText

noted = annotated
"""The same, under its first name."""

__all__ = [
    "DocumentReader",
    "Extractor",
    "Filter",
    "MainText",
    "Transform",
    "annotated",
    "hookimpl",
    "noted",
]
