"""What a plugin author imports from mind-domain: the shapes of domains and judges."""

from mind_domain.domain import DialogueDomain, Domain, Judge, Label, ReadingDomain, Verdict
from mind_domain.domains.dialogues import read_dialogue
from mind_domain.hookspecs import hookimpl
from mind_domain.judges.trial import Groups, RankingJudge, Trial, parse_ranking

__all__ = [
    "DialogueDomain",
    "Domain",
    "Groups",
    "Judge",
    "Label",
    "RankingJudge",
    "ReadingDomain",
    "Trial",
    "Verdict",
    "hookimpl",
    "parse_ranking",
    "read_dialogue",
]
