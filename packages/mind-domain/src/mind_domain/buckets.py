"""Sort conversations by length in tokens, by each model's own tokenizer, and at equal tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from mind_core import MindError, Reason, Record
from mind_core.errors import UsageError
from mind_core.files import atomic_folder, sha256_file, write_manifest
from mind_core.output import check_distinct, write_records
from mind_core.progress import log
from mind_core.records import annotate
from mind_core.runner import StreamOptions
from mind_core.untrusted import whole_number
from mind_domain.domain import TOOL
from mind_domain.reading import read_all
from mind_tok import load_tokenizer
from mind_tok.chat import encode_chats, messages_of
from mind_tok.tokenizer import Tokenizer

FORMAT = "mind-domain-buckets"
EDGES = "0-450,200-300,300-450"
"""The paper's: all below 450 tokens, and two parts of that; an upper edge is not in its bucket."""

OF = ("answer", "dialogue")
AT_ONCE = 512


@dataclass(frozen=True)
class Bucket:
    """Lengths n in tokens with low ≤ n < high."""

    low: int
    high: int

    @property
    def name(self) -> str:
        """Name the bucket by its edges."""
        return f"{self.low}-{self.high}"


@dataclass(frozen=True)
class BucketRule:
    """Say what is measured, by which tokenizers, into which buckets."""

    tokenizers: tuple[tuple[str, Path], ...]
    buckets: tuple[Bucket, ...]
    of: str = "answer"
    seed: int = 0

    def holds(self, length: int) -> bool:
        """Tell whether a conversation of this length is in a bucket."""
        return any(bucket.low <= length < bucket.high for bucket in self.buckets)


def parse_edges(text: str) -> tuple[Bucket, ...]:
    """Read buckets such as 0-450,200-300; they may overlap."""
    found = []
    for part in text.split(","):
        first, _, second = part.strip().partition("-")
        low, high = whole_number(first), whole_number(second)
        if low is None or high is None or low >= high:
            raise UsageError(f"bucket {part!r}", hint="low-high in tokens, as 200-300")
        found.append(Bucket(low, high))
    if len(set(found)) < len(found):
        raise UsageError(f"buckets {text!r}: one comes twice")
    return tuple(found)


def run_bucket(rule: BucketRule, folder: Path, options: StreamOptions) -> dict[str, Any]:
    """Write a folder with the buckets of each tokenizer, whole and at equal tokens.

    Holds all records; returns the manifest. A conversation in no bucket is counted (`outside`), and
    so is one without an answer (`no_answer`); one in no bucket of any tokenizer is rejected.
    """
    check_distinct(options.inputs, options.rejects, options.summary)
    with ExitStack() as stack:
        target = stack.enter_context(atomic_folder(folder))
        # All in memory: the share at equal tokens is known only when every length is.
        records, summary = read_all(
            lambda record, position: (record, messages_of(record, position)), options
        )
        if not records:
            raise MindError("there is nothing to sort: the input has no records")
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "of": rule.of,
            "seed": rule.seed,
            "records": len(records),
            "bad": dict(sorted(summary.bad.items())),
            "tokenizers": {},
        }
        used: set[int] = set()
        lengths: list[int] = []
        for name, path in rule.tokenizers:
            tokenizer = load_tokenizer(tokenizer_folder(path))
            lengths = _lengths(tokenizer, [messages for _, messages in records], rule.of)
            part = target / name
            part.mkdir()
            used |= {n for n, length in enumerate(lengths) if rule.holds(length)}
            manifest["tokenizers"][name] = _write_buckets(
                part, rule, [record for record, _ in records], lengths, options.level
            ) | {"vocabulary": tokenizer.vocab_size}
        write_manifest(target, manifest)
        for n, (record, _) in enumerate(records):
            if n not in used:
                # Lengths of the last tokenizer; whether there is an answer does not depend on
                # which.
                reason = "outside" if lengths[n] else "no_answer"
                summary.reject(record, "bucket", Reason(reason, lengths[n]))
        summary.seed = rule.seed
        stack.enter_context(summary.beside(options))
    if not options.quiet:
        log(TOOL, f"{len(records):,} conversations, {len(rule.buckets)} buckets")
    return manifest


def tokenizer_folder(path: Path) -> Path:
    """Return the tokenizer of a run folder or a checkpoint; any other folder as it is."""
    if not ((path / "checkpoints").is_dir() or (path / "tokenizer").is_dir()):
        return path
    from mind_train.checkpoint import find_checkpoint

    # Only here mind-train is needed: a tokenizer's folder is used without it.
    return find_checkpoint(path)[0] / "tokenizer"


def _lengths(
    tokenizer: Tokenizer, chats: Sequence[Sequence[Mapping[str, str]]], of: str
) -> list[int]:
    """Count the tokens of each conversation, or of its answers with their end tokens."""
    lengths: list[int] = []
    for start in range(0, len(chats), AT_ONCE):
        _, mask, ends = encode_chats(tokenizer, chats[start : start + AT_ONCE])
        # `ends` are places in one long row of all conversations.
        for first, last in pairwise([0, *ends.tolist()]):
            row = mask[first:last]
            lengths.append(int(row.sum()) if of == "answer" else len(row))
    return lengths


def _write_buckets(
    folder: Path,
    rule: BucketRule,
    records: Sequence[Record],
    lengths: Sequence[int],
    level: int | None,
) -> dict[str, Any]:
    for record, length in zip(records, lengths, strict=True):
        # By the tokenizer at hand: the next one writes over it, after these files are written.
        annotate(record, "bucket", tokens=length, of=rule.of)
    members = {
        bucket: [n for n, length in enumerate(lengths) if bucket.low <= length < bucket.high]
        for bucket in rule.buckets
    }
    if empty := [bucket.name for bucket, rows in members.items() if not rows]:
        raise MindError(
            f"no conversation is in bucket {', '.join(empty)} by {folder.name}",
            cause=f"lengths go from {min(lengths)} to {max(lengths)} tokens",
            hint="give other --edges",
        )
    totals = {bucket: sum(lengths[n] for n in rows) for bucket, rows in members.items()}
    # The bucket with the fewest tokens sets the size, so that lengths are compared at one budget.
    least = min(totals.values())
    inside = {n for rows in members.values() for n in rows}
    found: dict[str, Any] = {
        "outside": sum(n not in inside and length > 0 for n, length in enumerate(lengths)),
        "no_answer": sum(length == 0 for length in lengths),
        "buckets": {},
    }
    for bucket, rows in members.items():
        equal = _up_to(rows, records, lengths, least, rule.seed)
        if not equal:
            smallest = min(totals, key=totals.__getitem__)
            raise MindError(
                f"no conversation of bucket {bucket.name} fits into the {least:,} tokens "
                f"of bucket {smallest.name} by {folder.name}",
                cause="the bucket with the fewest tokens sets the size at equal tokens",
                hint="give more conversations, or other --edges",
            )
        entry: dict[str, Any] = {}
        for kind, chosen in (("all", rows), ("equal", equal)):
            path = folder / (
                f"{bucket.name}.jsonl.zst" if kind == "all" else f"{bucket.name}.equal.jsonl.zst"
            )
            write_records(path, (records[n] for n in chosen), level=level)
            tokens = sum(lengths[n] for n in chosen)
            entry[kind] = {
                "file": f"{folder.name}/{path.name}",
                "sha256": sha256_file(path),
                "records": len(chosen),
                "tokens": tokens,
                "mean": round(tokens / len(chosen), 3),
            }
        found["buckets"][bucket.name] = entry
    return found


def _up_to(
    rows: Sequence[int], records: Sequence[Record], lengths: Sequence[int], tokens: int, seed: int
) -> list[int]:
    """Take records in the order of their hashes while they fit into so many tokens."""

    def rank(n: int) -> bytes:
        key = f"{seed}:{records[n].get('id')}:{n}"
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()

    chosen, total = [], 0
    for n in sorted(rows, key=rank):
        # Goes on behind one that does not fit: shorter ones may still, which comes closer to the
        # budget.
        if total + lengths[n] <= tokens:
            chosen.append(n)
            total += lengths[n]
    return sorted(chosen)


def format_buckets(manifest: Mapping[str, Any]) -> str:
    """Lay out a table of each tokenizer: records, tokens and mean length, whole and equal."""
    lines = []
    for name, part in manifest["tokenizers"].items():
        lines.append(f"{name} (vocabulary {part['vocabulary']:,}, tokens of each {manifest['of']})")
        lines.append(
            f"  {'bucket':<12}{'records':>9}{'tokens':>12}{'mean':>8}"
            f"   {'equal':>8}{'tokens':>12}{'mean':>8}"
        )
        for bucket, entry in part["buckets"].items():
            cells = "   ".join(
                f"{one['records']:>9,}{one['tokens']:>12,}{one['mean']:>8.1f}"
                for one in (entry["all"], entry["equal"])
            )
            lines.append(f"  {bucket:<12}{cells}")
        lines.append(f"  outside: {part['outside']:,}; without an answer: {part['no_answer']:,}")
    return "\n".join(lines) + "\n"
