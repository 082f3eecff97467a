"""What may be plugged into mind-domain."""

import pluggy

from mind_core import Offers
from mind_domain.domain import AnyDomain, Judge
from mind_domain.judges.trial import RankingJudge

hookspec = pluggy.HookspecMarker("mind_domain")
hookimpl = pluggy.HookimplMarker("mind_domain")


@hookspec
def register_domains() -> Offers[AnyDomain]:
    """Return domains by name; a factory takes the options of its recipe table as keywords."""


@hookspec
def register_judges() -> Offers[Judge | RankingJudge]:
    """Return judges by name: of one answer, or of all replies to a question.

    A factory makes a `(question, answer, reference) -> Verdict`, or a `RankingJudge`.
    """
