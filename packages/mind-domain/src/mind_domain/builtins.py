"""What is plugged into mind-domain already, through the same door as everybody's."""

from mind_core import Offers
from mind_domain.domain import AnyDomain, Judge
from mind_domain.hookspecs import hookimpl


@hookimpl
def register_domains() -> Offers[AnyDomain]:
    """Offer the domain that ships."""
    return {"finance": "mind_domain.domains.finance.finance:Finance"}


@hookimpl
def register_judges() -> Offers[Judge]:
    """Offer the judge that ships."""
    return {"exact": "mind_domain.judges.exact:Exact"}
