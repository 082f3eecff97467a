"""What may be plugged into mind-domain."""

import pluggy

from mind_core import Offers
from mind_domain.domain import AnyDomain, Judge

hookspec = pluggy.HookspecMarker("mind_domain")
hookimpl = pluggy.HookimplMarker("mind_domain")


@hookspec
def register_domains() -> Offers[AnyDomain]:
    """Return domains by name; a factory takes the options of its recipe table as keywords."""


@hookspec
def register_judges() -> Offers[Judge]:
    """Return judges by name; a factory makes a `(question, answer, reference) -> Verdict`."""
