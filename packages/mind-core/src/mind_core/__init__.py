"""What a plugin author imports from mind-core: the record, and the shape of an offer."""

from mind_core.errors import MindError
from mind_core.records import Offers, Reason, Record

__all__ = ["MindError", "Offers", "Reason", "Record"]
