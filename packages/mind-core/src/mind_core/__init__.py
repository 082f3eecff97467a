"""What a plugin author imports from mind-core: the record, and the shape of an offer."""

from mind_core.errors import MindError
from mind_core.reasons import Reason
from mind_core.records import Offers, Record

__all__ = ["MindError", "Offers", "Reason", "Record"]
