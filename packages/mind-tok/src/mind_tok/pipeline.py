"""The run of each verb, from its options to its result."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from mind_core.chats import read_chat_batches
from mind_core.errors import BadRecord, GateError
from mind_core.files import atomic_file, atomic_folder
from mind_core.output import check_distinct, open_output
from mind_core.plugins import Plugins
from mind_core.progress import Progress, log, run_with_progress, said
from mind_core.records import encode, text_of
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.stream import Batch
from mind_core.summary import Summary
from mind_core.text.languages import language_of
from mind_tok.checks import check_paths, describe_inputs, is_much, refuse_existing
from mind_tok.decode import TokenDecoder, shard_records
from mind_tok.emit import find_emitters
from mind_tok.encode import TOOL, Encoder, ToShards, ToStream, source_of
from mind_tok.inspect import BatchStats, TokenizerInspector, report
from mind_tok.sampling import Sample, record_key
from mind_tok.shard_writer import SHARD_TOKENS, ShardWriter
from mind_tok.split import Splitter
from mind_tok.split_writer import SplitWriter
from mind_tok.tokenizer import HOOK, Tokenizer, TokenizerKind

SHARDS = "shards"
"""The folder of shards in that of a job."""


@dataclass(frozen=True)
class TokenizerTrainOptions:
    """What a user may say about training a tokenizer."""

    output: Path
    vocab_size: int = 32_000
    kind: str = "bpe"
    kind_options: Mapping[str, Any] = field(default_factory=dict)
    sample_bytes: int = 50_000_000
    shares: Mapping[str, float] = field(default_factory=dict)
    share_by: str = "language"
    seed: int = 0


@dataclass(frozen=True)
class EncodeOptions:
    """What a user may say about encoding into shards."""

    output: Path
    validation: float = 0.01
    shard_tokens: int = SHARD_TOKENS
    emit: str = ""


@dataclass(frozen=True)
class _Texts:
    """Work on a batch for a sample: the place, text, and language or source of each record."""

    seed: int
    wants: frozenset[str] | None
    share_by: str

    def __call__(self, batch: Batch) -> BatchResult:
        outcome = BatchResult(payload=[])
        for position, line, record in outcome.records(batch):
            try:
                text = text_of(record, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            name = language_of(record) if self.share_by == "language" else source_of(record)
            if self.wants is not None and name not in self.wants:
                outcome.reject(record, TOOL, "train", f"{self.share_by}_without_share")
                continue
            outcome.kept.append(b"")
            outcome.payload.append((record_key(record, text, self.seed), text.encode(), name))
        return outcome


def train(options: TokenizerTrainOptions, stream: StreamOptions, plugins: Plugins) -> None:
    """Train a tokenizer on a sample of the records and write its folder."""
    check_paths(stream, options.output)
    kind: TokenizerKind = plugins.make(HOOK, options.kind, options.kind_options)
    sample = Sample(options.sample_bytes, options.shares, options.share_by)

    def settle(outcome: BatchResult) -> BatchResult:
        for key, data, name in outcome.payload:
            sample.offer(key, data, name)
        return outcome

    def finish(summary: Summary) -> None:
        texts = sample.texts()
        size = sum(count["bytes"] for count in sample.drawn.values())
        with Progress(TOOL, stream.progress) as progress:
            tokenizer = run_with_progress(
                progress,
                f"training {options.kind} on {size / 1e6:,.1f} MB",
                lambda: kind.train(texts, options.vocab_size),
            )
        tokenizer.manifest.update(
            plugin=plugins.used(),
            seed=options.seed,
            sample=sample.as_dict(),
            inputs=describe_inputs(stream.inputs),
        )
        refuse_existing(options.output)
        folder.rmdir()  # `save` makes a new folder
        tokenizer.save(folder)
        summary.details.update(vocab_size=tokenizer.vocab_size, sample=sample.as_dict())
        summary.note = (
            f"{tokenizer.vocab_size:,} entries from {size / 1e6:,.1f} MB of "
            f"{_languages(sample)} in {options.output}"
        )

    wants = frozenset(options.shares) if options.shares else None
    work = _Texts(options.seed, wants, options.share_by)
    # The folder is whole before rejects and summary get their names, and gets its own after them.
    with atomic_folder(options.output) as folder:
        run_stream(_summary(plugins, options.seed), work, stream, settle, finish, passes_on=False)


def encode_shards(
    encoder: Encoder, options: EncodeOptions, stream: StreamOptions, plugins: Plugins
) -> None:
    """Encode records into a shard folder."""
    check_paths(stream, options.output)
    if encoder.chat and "megatron" in find_emitters(options.emit):
        log(TOOL, "warning: Megatron's index has no masks: its readers train on questions, too")
    summary = _summary(plugins, encoder.seed)
    writer = shard_writer(encoder, options, describe_inputs(stream.inputs))
    filler = SplitWriter(writer, Splitter(options.validation))

    def finish(summary: Summary) -> None:
        filler.finish()
        refuse_existing(options.output)
        writer.finish()
        summary.details["counts"] = writer.counts
        told = {"WHAT": _tokens(writer.counts), "PLACE": str(options.output)}
        summary.note = said("{WHAT} in {PLACE}", **told) + _cut(summary)

    if is_much(stream.inputs):
        encoder.warm_up()
        # What is loaded by now stays: the collector need not look through it after every batch.
        gc.freeze()
    # The folder is whole before rejects and summary get their names, and gets its own after them.
    with writer:
        run_stream(
            summary,
            ToShards(encoder),
            stream,
            filler.settle,
            finish,
            passes_on=False,
            batches=_batches(encoder, stream),
        )


def shard_writer(
    encoder: Encoder, options: EncodeOptions, inputs: Sequence[Mapping[str, Any]]
) -> ShardWriter:
    """Return what writes the shard folder of an encoder's documents."""
    return ShardWriter(
        options.output,
        encoder.tokenizer,
        kind="chat" if encoder.chat else "text",
        shard_tokens=options.shard_tokens,
        inputs=inputs,
        settings={
            "validation": options.validation,
            "seed": encoder.seed,
            **_template_settings(encoder),
            **_sampling_settings(encoder),
        },
        emit=options.emit,
    )


def _template_settings(encoder: Encoder) -> dict[str, Any]:
    if encoder.template is None:
        return {}
    template = encoder.template.template
    digest = hashlib.sha256(template.source.encode()).hexdigest()
    return {"chat_template": template.name, "chat_template_sha256": digest}


def _sampling_settings(encoder: Encoder) -> dict[str, Any]:
    return {} if encoder.sampling is None else encoder.sampling.settings


def encode_stream(encoder: Encoder, stream: StreamOptions, plugins: Plugins) -> None:
    """Pass records on with their `ids`."""

    def finish(summary: Summary) -> None:
        summary.note = _cut(summary).removeprefix("; ")

    run_stream(
        _summary(plugins, encoder.seed),
        ToStream(encoder),
        stream,
        finish=finish,
        batches=_batches(encoder, stream),
    )


def _batches(encoder: Encoder, stream: StreamOptions) -> Iterator[Batch] | None:
    """Return the input as it is read: conversations also come as JSON arrays."""
    return read_chat_batches(stream.inputs) if encoder.chat else None


def decode_stream(decode: TokenDecoder, stream: StreamOptions, plugins: Plugins) -> None:
    """Turn the `ids` of records back into `text`."""
    run_stream(_summary(plugins, None), decode, stream)


def decode_shards(
    folder: Path, show_control: bool, verify: bool, stream: StreamOptions, plugins: Plugins
) -> None:
    """Write the documents of a shard folder as records."""
    check_distinct([folder], stream.output, stream.summary)
    records = islice(shard_records(folder, show_control, plugins, verify=verify), stream.limit)
    summary = _summary(plugins, None)
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(TOOL, stream.progress))
        output = stack.enter_context(open_output(stream.output, stream.level))
        told = stack.enter_context(atomic_file(stream.summary)) if stream.summary else None
        for record in records:
            output.write(encode(record))
            summary.records_in += 1
            summary.kept += 1
            progress.count(summary.records_in, "documents")
        summary.bytes_out = output.bytes
        summary.components = plugins.used()
        summary.note = f"documents of {folder}"
        if told is not None:
            told.write(summary.as_json())
    if not stream.quiet:
        log(TOOL, summary.line())


def inspect(
    tokenizers: Sequence[Tokenizer], top: int, stream: StreamOptions, plugins: Plugins
) -> list[dict[str, Any]]:
    """Return what each tokenizer makes of the records, as JSON values."""
    found = [BatchStats() for _ in tokenizers]

    def settle(outcome: BatchResult) -> BatchResult:
        for all_of_it, part in zip(found, outcome.payload, strict=True):
            all_of_it.add(part)
        return outcome

    if is_much(stream.inputs):
        for tokenizer in tokenizers:
            tokenizer.warm_up()
    work = TokenizerInspector(tuple(tokenizers))
    run_stream(_summary(plugins, None), work, stream, settle, passes_on=False)
    return [report(tokenizer, part, top) for tokenizer, part in zip(tokenizers, found, strict=True)]


def require_round_trip(found: Mapping[str, Any]) -> None:
    """Raise `GateError` if a text did not come back as it was."""
    if different := found["round_trip"]["different"]:
        raise GateError(
            f"{different:,} documents do not come back as they were",
            hint="look at the first difference above; a lossy tokenizer needs its own decision",
        )


def _summary(plugins: Plugins, seed: int | None) -> Summary:
    return Summary(TOOL, seed=seed, components=plugins.used())


def _cut(summary: Summary) -> str:
    """Return what to say of messages that no answer follows, if there were any."""
    messages = summary.details.get("cut_messages", 0)
    conversations = summary.details.get("cut_conversations", 0)
    return f"; {messages:,} unanswered messages cut from {conversations:,}" if messages else ""


def _languages(sample: Sample) -> str:
    rows = sorted(sample.drawn.items(), key=lambda item: -item[1]["bytes"])
    parts = [f"{name} ({count['bytes'] / 1e6:,.1f})" for name, count in rows[:4]]
    return " and ".join([*parts, f"{len(rows) - 4} more"] if len(rows) > 4 else parts)


def _tokens(counts: Mapping[str, Any]) -> str:
    parts = []
    for split, sources in counts.items():
        rows = [count for languages in sources.values() for count in languages.values()]
        count = f"{sum(row['tokens'] for row in rows):,}"
        parts.append(said("{N} {SPLIT} tokens", N=count, SPLIT=split))
    return said(", ").join(parts) or said("no tokens")
