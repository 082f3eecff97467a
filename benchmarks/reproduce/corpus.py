"""Make the corpus of bin/reproduce: records of FOLDER/TYPE/*.jsonl.zst, the type as their source.

    python benchmarks/reproduce/corpus.py FOLDER CORPUS.jsonl --bytes 12000000

Of each source documents are taken in the order of a hash of their text, up to so many bytes, so
that the files of a source are mixed and a smaller corpus is a part of a larger one. Documents over
200 kB are left out, and counted.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from mind_core.files import atomic_file
from mind_core.records import decode, encode
from mind_core.stream import content_of, open_input

SOURCES = {
    "academic": "academic", "books": "books", "code": "code", "dialogue": "dialogue",
    "encyclopedia": "encyclopedia", "manual": "technology", "math": "math", "qa": "qa",
    "webtext": "webtext",
}  # fmt: skip
LARGEST = 200_000


def texts(folder: Path) -> list[tuple[bytes, str, str, int]]:
    """Return (hash, text, language, bytes) of each record of a folder's files."""
    found = []
    for path in sorted(folder.glob("*.jsonl*")):
        with open_input(path) as (file, name):
            lines = b"".join(content_of(file, name)).split(b"\n")
        for number, line in enumerate(lines, 1):
            if line.strip():
                record = decode(line, f"{path}:{number}")
                text = str(record["text"])
                raw = text.encode()
                language = str(record.get("metadata", {}).get("lang", "und"))
                found.append((hashlib.sha256(raw).digest(), text, language, len(raw)))
    return sorted(found)


def main() -> None:
    """Read the options, then write the corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--bytes", type=int, default=12_000_000)
    given = parser.parse_args()
    with atomic_file(given.corpus) as file:
        for folder, source in SOURCES.items():
            taken = size = large = 0
            for digest, text, language, length in texts(given.folder / folder):
                if length > LARGEST:
                    large += 1
                    continue
                if size + length > given.bytes:
                    break
                record = {"id": digest.hex()[:16], "text": text, "source": source,
                          "metadata": {"lang": language}}  # fmt: skip
                file.write(encode(record))
                taken, size = taken + 1, size + length
            print(f"{source}: {taken:,} documents, {size:,} bytes, {large} too large",
                  file=sys.stderr)  # fmt: skip


if __name__ == "__main__":
    main()
