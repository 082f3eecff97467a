"""Turn labelled records into chats: a question, and the label's word for an answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mind_core import MindError, Reason, Record
from mind_core.errors import BadRecord, UsageError
from mind_core.records import annotate, annotation, encode, text_of
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_core.text.languages import language_of
from mind_domain.domain import NOTES, TOOL, Domain
from mind_domain.reading import no_label


@dataclass(frozen=True)
class ChatBuilder:
    """Make the chats of a batch; runs in the workers."""

    domain: Domain
    language: str = "auto"
    cot: str = "none"
    random_labels: bool = False
    seed: int = 0

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with the chats of each labelled record: label, reasons, or both."""
        outcome = BatchResult()
        outcome.kept_records = 0
        for position, line, record in outcome.records(batch):
            try:
                if self.random_labels:
                    self._draw_label(record)
                chat = build_chat(record, self.domain, self.language, position)
                chats = self._forms(chat, record)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            if not chats:
                outcome.reject(record, TOOL, "sft", Reason("no_rationale"))
                continue
            # Records are counted, not chats: in = kept + rejected + bad.
            outcome.kept_records += 1
            outcome.details["chats"] += len(chats)
            # Both chats of a record as one piece, so that they stay together in the output.
            outcome.kept.append(b"".join(map(encode, chats)))
        return outcome

    def _forms(self, chat: Record, record: Record) -> list[Record]:
        """Return a chat as it is, with reasons, or both with a mark of the task on each."""
        if self.cot == "none":
            return [chat]
        reasons = annotation(record, NOTES).get("rationale")
        if self.cot == "only":
            return [] if reasons is None else [with_reasons(chat, str(reasons))]
        chats = [mark_task(chat, "label")]
        if reasons is not None:
            chats.append(mark_task(with_reasons(chat, str(reasons)), "reasons"))
        return chats

    def _draw_label(self, record: Record) -> None:
        """Put a label in by the hash of seed and id: what a model can learn of that is nothing."""
        # With the text, as records may lack an id.
        key = f"{self.seed}:{record.get('id')}:{record.get('text')}"
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        labels = list(self.domain.labels)
        if "label" in annotation(record, NOTES):
            label = labels[int.from_bytes(digest[:8], "big") % len(labels)]
            annotate(record, NOTES, label=label, random_label=True)


COT = ("none", "only", "auxiliary")

_REASONS = {
    "zh": "请先分析理由，最后一行只写“答案：”和你的选择。",
    "en": 'Give your reasons first. On the last line write "Answer:" and your choice alone.',
}
_ANSWER = {"zh": "答案：", "en": "Answer: "}
_MARKS = {
    "zh": {"label": "任务：标签", "reasons": "任务：推理"},
    "en": {"label": "Task: label", "reasons": "Task: reasons"},
}


def cot_question(question: str, language: str) -> str:
    """Ask for reasons before the label; the text stands last, behind an empty line."""
    head, gap, text = question.partition("\n\n")
    return f"{head}{'' if language == 'zh' else ' '}{_REASONS[language]}{gap}{text}"


def with_reasons(chat: Record, reasons: str) -> Record:
    """Return a chat whose answer gives reasons, and the label alone on its last line."""
    language = annotation(chat, NOTES)["language"]
    asked, answer = (message["content"] for message in chat["messages"])
    messages = [
        {"role": "user", "content": cot_question(asked, language)},
        {"role": "assistant", "content": f"{reasons.strip()}\n{_ANSWER[language]}{answer}"},
    ]
    return {**chat, "id": f"{chat.get('id')}-reasons", "messages": messages}


def mark_task(chat: Record, task: str) -> Record:
    """Return a chat with a line that says which of the two tasks it is."""
    language = annotation(chat, NOTES)["language"]
    question, answer = chat["messages"]
    asked = f"{_MARKS[language][task]}\n{question['content']}"
    return {**chat, "messages": [{**question, "content": asked}, answer]}


def build_chat(record: Record, domain: Domain, language: str, position: str) -> Record:
    """Make a chat record of a labelled one; raise `BadRecord` if it has no label of the domain.

    The text moves into the question; everything else stays. "auto" asks in the text's language.
    """
    noted = annotation(record, NOTES)
    label = noted.get("label")
    # The question names the classes: with others the right answer could be none of them.
    if "labels" in noted and list(noted["labels"]) != list(domain.labels):
        raise UsageError(
            f"{position}: labelled as one of {', '.join(noted['labels'])}, "
            f"but the domain has {', '.join(domain.labels)}",
            hint="give here the options that `mind-domain label` had, as --set finance.classes=2",
        )
    if label is None:
        raise no_label(record, position)
    if label not in domain.labels:
        raise BadRecord(
            "missing_field",
            position,
            encode(record),
            cause=f"metadata.mind.domain.label is {label!r}, not one of {', '.join(domain.labels)}",
        )
    text_of(record, position)
    if language == "auto":
        language = "zh" if language_of(record) == "zh" else "en"
    try:
        question = domain.question(record, language)
    except MindError as error:
        raise BadRecord("missing_field", position, encode(record), cause=error.message) from None
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": domain.answer(str(label), language)},
    ]
    chat: Record = {"id": record.get("id"), "messages": messages}
    chat |= {key: value for key, value in record.items() if key not in ("id", "text", "messages")}
    annotate(chat, NOTES, language=language)
    return chat
