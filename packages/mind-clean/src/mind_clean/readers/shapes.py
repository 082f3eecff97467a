"""Records in the shapes of other tools and corpora, by where each of them keeps its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mind_core import Record
from mind_core.errors import BadRecord


@dataclass(frozen=True)
class Shape:
    """Where a corpus keeps what a record of ours has; all else goes under `metadata`.

    A name with a dot looks inside an object; of several, the first that is there counts.
    """

    corpus: str
    text: str
    id: tuple[str, ...] = ("id",)
    url: tuple[str, ...] = ("url",)
    source: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    parts: str = ""
    """Where `text` is a list of objects, the field of each that holds its text."""

    def __call__(self, record: Record, position: str, line: bytes) -> Record:
        """Return the record in our envelope; raise `BadRecord` if it has no text where it should.

        A record that says nothing of its source is of the corpus.
        """
        rest = dict(record)
        read: Record = {}
        text = self._text(rest.pop(self.text, None), position, line)
        for name in ("id", "url", "source", "added", "created"):
            value = _taken(rest, getattr(self, name))
            if value is not None:
                read[name] = value
        # In this order: id, text, all others.
        read = {**{k: read[k] for k in ("id",) if k in read}, "text": text, **read}
        read.setdefault("source", self.corpus)
        metadata = rest.pop("metadata", None)
        inner = metadata if isinstance(metadata, dict) else {}
        if metadata is not None and not isinstance(metadata, dict):
            inner = {"value": metadata}
        # Of two fields of one name, that of the corpus's own `metadata` stays.
        inner = {**{k: v for k, v in rest.items() if k not in inner}, **inner}
        if inner:
            read["metadata"] = inner
        return read

    def _text(self, value: Any, position: str, line: bytes) -> str:
        if self.parts and isinstance(value, list):
            parts = [
                part[self.parts]
                for part in value
                if isinstance(part, dict) and isinstance(part.get(self.parts), str)
            ]
            # A list with one part that has no text is another shape; without that part the text
            # would have a hole.
            if len(parts) == len(value):
                return "\n".join(parts)
        elif isinstance(value, str):
            return value
        what = f"a list of objects with {self.parts!r}" if self.parts else "a string"
        reason = "missing_field" if value is None else "wrong_type"
        cause = f"a record of {self.corpus} has {self.text!r}, {what}; --from names the shape"
        raise BadRecord(reason, position, line, cause=cause)


def _taken(rest: dict[str, Any], names: tuple[str, ...]) -> Any:
    """Return the first of the fields that is there, out of `rest`; one inside an object stays."""
    for name in names:
        outer, _, inner = name.partition(".")
        # An object belongs to others too, so its field is copied and stays under `metadata`.
        if not inner and isinstance(rest.get(outer), str | int):
            return rest.pop(outer)
        if inner and isinstance(rest.get(outer), dict) and isinstance(rest[outer].get(inner), str):
            return rest[outer][inner]
    return None


SHAPES = {
    shape.corpus: shape
    for shape in (
        Shape("datatrove", "text", url=("metadata.url",), source=("metadata.dataset",)),
        Shape(
            "cc_net", "raw_content", id=("digest", "url"), url=("url",),
            source=("source_domain",), added=("date_download",),
        ),
        Shape("wudao", "content", id=("uniqueKey", "id", "titleUkey")),
        Shape("mnbvc", "段落", id=("文件名",), parts="内容"),
        Shape("wanjuan", "content", created=("date",)),
        Shape("chinesewebtext", "text", id=("url",), source=("source_domain",)),
    )
}  # fmt: skip
