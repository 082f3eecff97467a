"""The paper's legal application: consultations, their length, and who answers them better."""

from __future__ import annotations

from dataclasses import dataclass

from mind_core import Reason, Record
from mind_domain.domains.dialogues import read_dialogue

RUBRICS = {
    "zh": (
        "按法律咨询的标准评价：结论是否正确，是否引用并正确适用了有关法条，"
        "是否回答了当事人的问题并给出可行的建议，是否编造事实或法条。篇幅长短本身不计分。"
    ),
    "en": (
        "Judge as a legal consultation: is the conclusion right, are the statutes that apply named "
        "and applied correctly, is the client's question answered with steps to take, is nothing "
        "invented. Length by itself does not count."
    ),
}


@dataclass(frozen=True)
class Law:
    """Legal consultations: lawyer-llama, DISC-Law-Eval, LawBench and other conversations.

    `min_turns` questions at least; the paper judges 100 consultations of several turns. Statutes
    that come with a row (`laws`) stay under `metadata.laws`.
    """

    min_turns: int = 1

    def read(self, record: Record, position: str) -> Record | Reason:
        """Bring a raw row into a conversation."""
        found = read_dialogue(record, "law", position)
        if isinstance(found, Reason):
            return found
        turns = sum(message["role"] == "user" for message in found["messages"])
        return found if turns >= self.min_turns else Reason("few_turns", turns, self.min_turns)

    def rubric(self, language: str) -> str:
        """Say what a judge is to look at."""
        return RUBRICS[language]
