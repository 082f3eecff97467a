"""Read files of a data collection and write the chosen ones, with the hashes of both."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

Row = dict[str, Any]
Chosen = tuple[str, bytes, bytes]  # id, line of the source, line to write


def digest(data: bytes | str) -> str:
    """Give the SHA-256 of bytes, or of the UTF-8 of a text, in hex."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def dump(row: Row) -> bytes:
    """Write a record as one compact JSON line in UTF-8."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@dataclass
class Corpus:
    """Read the collection, write the chosen files and remember what was read and written."""

    root: Path
    out: Path
    inputs: dict[str, str] = field(default_factory=dict)
    files: dict[str, Row] = field(default_factory=dict)
    selection: list[str] = field(default_factory=list)

    def read(self, path: str) -> bytes:
        raw = (self.root / path).read_bytes()
        self.inputs[path] = digest(raw)
        if not path.endswith(".zst"):
            return raw
        return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True).read()

    def lines(self, path: str) -> Iterator[tuple[bytes, Row]]:
        for line in self.read(path).split(b"\n"):
            if line:
                yield line + b"\n", json.loads(line)

    def save(self, name: str, data: bytes, records: int, **facts: Any) -> None:
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".zst"):
            data = zstandard.ZstdCompressor(level=19, write_checksum=True).compress(data)
        path.write_bytes(data)
        self.files[name] = {"records": records, "bytes": len(data), "sha256": digest(data), **facts}

    def save_records(self, name: str, chosen: list[Chosen]) -> None:
        counts: dict[str, int] = {}
        for key, source_line, line in chosen:
            self.selection.append(f"{name}\t{key}\t{digest(source_line)[:16]}\n")
            row = json.loads(line)
            metadata = row.get("metadata", {})
            label = f"{row.get('source', row.get('subject', ''))} {metadata.get('lang', '')}"
            counts[label.strip()] = counts.get(label.strip(), 0) + 1
        plain = b"".join(line for _, _, line in chosen)
        self.save(name, plain, len(chosen), plain_bytes=len(plain), groups=counts)
