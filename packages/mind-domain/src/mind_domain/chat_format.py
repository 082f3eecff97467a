"""Turn labelled records into chats: a question, and the label's word for an answer."""

from __future__ import annotations

from dataclasses import dataclass

from mind_core import MindError, Record
from mind_core.errors import BadRecord, UsageError
from mind_core.records import annotate, annotation, encode, text_of
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_core.text.languages import language_of
from mind_domain.domain import NOTES, Domain
from mind_domain.reading import no_label


@dataclass(frozen=True)
class ChatBuilder:
    """Make the chats of a batch; runs in the workers."""

    domain: Domain
    language: str = "auto"

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with one chat for each labelled record."""
        outcome = BatchResult()
        for position, line, record in outcome.records(batch):
            try:
                chat = build_chat(record, self.domain, self.language, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            outcome.keep(encode(chat))
        return outcome


def build_chat(record: Record, domain: Domain, language: str, position: str) -> Record:
    """Make a chat record of a labelled one; raise `BadRecord` if it has no label of the domain.

    The text moves into the question; everything else stays. "auto" asks in the text's language.
    """
    noted = annotation(record, NOTES)
    label = noted.get("label")
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
