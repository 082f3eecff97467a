"""What mind-domain offers by itself, registered through the hooks that plugins use."""

from mind_core import Offers
from mind_domain.domain import AnyDomain, Judge
from mind_domain.hookspecs import hookimpl
from mind_domain.judges.trial import RankingJudge


@hookimpl
def register_domains() -> Offers[AnyDomain]:
    """Offer the domains that ship."""
    return {
        "finance": "mind_domain.domains.finance.finance:Finance",
        "sentiment": "mind_domain.domains.finance.sentiment:Sentiment",
        "law": "mind_domain.domains.law:Law",
    }


@hookimpl
def register_judges() -> Offers[Judge | RankingJudge]:
    """Offer the judges that ship."""
    return {
        "exact": "mind_domain.judges.offline:Exact",
        "tsv": "mind_domain.judges.offline:SheetJudge",
        "rankings": "mind_domain.judges.offline:RankingsJudge",
        "nll": "mind_domain.judges.nll:NllJudge",
        "endpoint": "mind_domain.judges.model:ModelJudge",
        "checkpoint": "mind_domain.judges.model:ModelJudge",
    }
