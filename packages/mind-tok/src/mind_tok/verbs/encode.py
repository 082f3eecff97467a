"""mind-tok encode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from mind_core import cli
from mind_core.errors import UsageError
from mind_core.stream_command import SharedOptions, stream_command
from mind_tok.verbs import NewFolder, TokenizerFolder

if TYPE_CHECKING:
    from mind_tok.encode import Encoder
    from mind_tok.tokenizer import Tokenizer

WHAT = "Turn records into token shards; without -o, pass them on with their ids."
EXAMPLES = [
    "mind-tok encode distinct.jsonl.zst -t tokenizer -o shards -j 4",
    "mind-tok encode selected.jsonl.zst --chat -t tokenizer -o chat-shards",
    "mind-tok encode chats.jsonl.zst --chat --chat-template chatml -t qwen -o chat-shards",
    "mind-tok encode distinct.jsonl.zst -t tokenizer --emit megatron,olmo -o shards",
    "mind-tok encode distinct.jsonl.zst -t tokenizer --dropout 0.1 --sampling-seed 2 -o epoch-2",
    "mind-tok encode texts/ -t tokenizer --into job -j 8    # killed, it goes on; job/shards",
    "mind-tok encode in.jsonl.zst -t tokenizer | zstdcat | jq -c .ids | head",
]
COST = (
    "Memory: a few batches of 1 MiB for each worker; a longer record takes 8 to 25 bytes for each "
    "of its own. Documents lie in the order of the input, save the one of each source and language "
    "that is kept back until validation has one; the bytes are "
    "the same for any -j. --validation goes by the hash of the text, so copies never lie on both "
    "sides; a source with 10 documents in a language gives at least one, unless all of them are "
    "copies of documents that are trained on."
)

Chat = Annotated[
    bool,
    typer.Option(
        "--chat",
        help="Records are instructions: MindLLM's chat format, and a mask that is 1 on answers.",
    ),
]
Template = Annotated[
    str,
    typer.Option(
        "--chat-template",
        metavar="NAME|FILE",
        help="With --chat: chatml, llama3, qwen, mindllm, a Jinja file or tokenizer_config.json.",
        show_default=False,
    ),
]
Validation = Annotated[
    float, typer.Option("--validation", metavar="SHARE", help="Share of documents held out.")
]
ShardTokens = Annotated[
    int,
    typer.Option("--shard-tokens", metavar="N", min=1, help="Tokens in a shard, at most."),
]
Dropout = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        "--dropout",
        metavar="SHARE",
        help="Cut texts by chance: BPE dropout, merges left out with this probability (0.1).",
        show_default=False,
    ),
]
Alpha = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        "--alpha",
        metavar="X",
        help="Cut texts by chance: unigram sampling, cuts drawn by their probability to the power "
        "of X (0.1).",
        show_default=False,
    ),
]
SamplingSeed = Annotated[
    int,
    typer.Option(
        "--sampling-seed",
        metavar="N",
        help="With --dropout or --alpha: another number, other cuts.",
    ),
]
Emit = Annotated[
    str,
    typer.Option(
        "--emit",
        metavar="NAME,…",
        help="Indexes for other trainers over the same payload: megatron, datatrove, olmo.",
        show_default=False,
    ),
]


@stream_command(
    "tokenizer inputs _fields output chat chat_template validation shard_tokens emit dropout "
    "alpha sampling_seed seed jobs level quiet dry_run summary rejects limit into from_list "
    "task_size engine address retries shard plan_only skip_bad plugin progress",
)
def encode(
    shared: SharedOptions,
    tokenizer: TokenizerFolder,
    output: NewFolder = None,
    chat: Chat = False,
    chat_template: Template = "",
    validation: Validation = 0.01,
    shard_tokens: ShardTokens = 1 << 28,
    emit: Emit = "",
    dropout: Dropout = None,
    alpha: Alpha = None,
    sampling_seed: SamplingSeed = 0,
) -> None:
    """Read the options, then encode into a folder or the stream, or print the plan."""
    if shared.job_values["into"] is None:
        shared.require_input()
    from mind_tok import pipeline
    from mind_tok.checks import check_paths
    from mind_tok.emit import find_emitters
    from mind_tok.loading import load_tokenizer, make_plugins
    from mind_tok.split import check_share

    # Before a tokenizer is loaded: what is misspelt is told at once.
    find_emitters(emit)
    job = shared.job(output=output, level=shared.stream.level)
    if job is not None:
        output = job.into / pipeline.SHARDS
    if emit and output is None:
        raise UsageError("--emit goes with shards", hint="name a folder with -o")
    plugins = make_plugins(shared.plugin_files)
    encoder = _encoder(
        load_tokenizer(tokenizer, plugins), chat, chat_template, shared.seed,
        shards=output is not None,
    )  # fmt: skip
    check_share(validation)
    if dropout is not None or alpha is not None:
        # A stream has no splits, so nothing in it is held out.
        held_out = validation if output is not None else 0.0
        encoder = _with_sampling(encoder, dropout, alpha, sampling_seed, held_out)
    if shared.dry_run:
        if job is None:
            check_paths(shared.stream, output)
        cli.write_out(
            f"encode {'conversations' if chat else 'texts'} with {tokenizer} "
            f"({encoder.tokenizer.vocab_size:,} entries)\n  into {output or 'the stream'}\n"
        )
    elif output is None:
        pipeline.encode_stream(encoder, shared.stream, plugins)
    elif job is not None:
        from mind_tok.tasks import run_encode_job

        made = pipeline.EncodeOptions(output, validation, shard_tokens, emit)
        run_encode_job(encoder, made, job, plugins, skip_bad=shared.stream.skip_bad)
    else:
        wanted = pipeline.EncodeOptions(output, validation, shard_tokens, emit)
        pipeline.encode_shards(encoder, wanted, shared.stream, plugins)


def _with_sampling(
    encoder: Encoder, dropout: float | None, alpha: float | None, seed: int, validation: float
) -> Encoder:
    """Return an encoder that cuts texts by chance, but those that are held out."""
    from mind_tok.split import lowest
    from mind_tok.subword_sampling import BpeDropout, SubwordSampling, UnigramSampling

    if dropout is not None and alpha is not None:
        raise UsageError("--dropout is for BPE and --alpha for unigram models", hint="give one")
    if encoder.chat:
        name = "--dropout" if alpha is None else "--alpha"
        raise UsageError(f"{name} is for texts, and does not go with --chat")
    sampling: SubwordSampling
    if dropout is not None:
        sampling = BpeDropout(dropout, seed, lowest(validation))
    elif alpha is not None:
        sampling = UnigramSampling(alpha, seed, lowest(validation))
    sampling.check(encoder.tokenizer)
    return replace(encoder, sampling=sampling)


def _encoder(
    tokenizer: Tokenizer, chat: bool, chat_template: str, seed: int, *, shards: bool
) -> Encoder:
    """Return what encodes texts, or conversations in MindLLM's form or by a template."""
    from mind_tok.chat import check_has_turns
    from mind_tok.chat_template import MINDLLM, load_template
    from mind_tok.chat_template_ids import TemplateEncoder, control_tokens
    from mind_tok.encode import Encoder

    encoder = Encoder(tokenizer, chat, seed)
    if chat_template and not chat:
        raise UsageError("--chat-template goes with --chat")
    if chat_template not in ("", MINDLLM):
        template = load_template(chat_template, control_tokens(tokenizer))
        # In a stream a conversation ends with its record; in shards the next one follows.
        end = tokenizer.end_id if shards else None
        return replace(encoder, template=TemplateEncoder(tokenizer, template, end))
    if chat:
        check_has_turns(tokenizer)
    return encoder
