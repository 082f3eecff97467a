"""Chinese medical consultations as a domain: what is read and dropped, what a judge looks at."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mind_core import Offers, Reason, Record
from mind_domain import DialogueDomain, hookimpl, read_dialogue

RUBRICS = {
    "zh": (
        "按医疗咨询的标准评价：医学内容是否正确，是否提示何时应当就医，是否避免替代诊断和开药，"
        "是否回答了患者的问题。篇幅长短本身不计分。"
    ),
    "en": (
        "Judge as a medical consultation: is it medically right, does it say when to see a doctor, "
        "does it refrain from diagnosing and prescribing at a distance, does it answer the "
        "patient. Length by itself does not count."
    ),
}

# What is left of an instruction template in an answer, such as "### Response:". Possessive (`++`),
# so that long rows of # or blanks cannot be tried in every way.
_RESIDUE = re.compile(r"(?<!#)#{2,}+\s*+(?:Response|Instruction|Input)\s*+:", re.IGNORECASE)


@dataclass(frozen=True)
class Medical:
    """Chinese medical questions and answers: Huatuo, TigerBot and other conversations.

    Dropped are answers with the marks of a template in them (`template_marks`), and answers of
    fewer than `min_answer` characters (`short_answer`).
    """

    min_answer: int = 5

    def read(self, record: Record, position: str) -> Record | Reason:
        """Bring a raw row into a conversation."""
        found = read_dialogue(record, "medical", position)
        if isinstance(found, Reason):
            return found
        for message in found["messages"]:
            # Patients may write briefly, and quote what they like.
            if message["role"] != "assistant":
                continue
            if _RESIDUE.search(message["content"]):
                return Reason("template_marks")
            if len(message["content"]) < self.min_answer:
                return Reason("short_answer", len(message["content"]), self.min_answer)
        return found

    def rubric(self, language: str) -> str:
        """Say what a judge is to look at."""
        return RUBRICS[language]


@hookimpl
def register_domains() -> Offers[DialogueDomain]:
    """Offer the domain."""
    return {"medical_zh": Medical}
