"""The command `sample`: continue prompts with a checkpoint, or hold a conversation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mind_core import Record
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_tok import Tokenizer
from mind_tok.chat import encode_prompt
from mind_train.checkpoint import Checkpoint, load_checkpoint
from mind_train.components import TOOL
from mind_train.device import choose_device
from mind_train.generate import check_sampling, continue_ids

Show = Callable[[str], None]
PARTIAL = "\ufffd"  # how the first bytes of a character look until the rest has come


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens, and how many."""

    max_new: int
    temperature: float
    top_p: float
    seed: int
    chat: bool

    def __post_init__(self) -> None:
        check_sampling(self.temperature, self.top_p)


def sample(
    folder: Path,
    prompts: Sequence[str],
    how: Sampling,
    count: int,
    plugins: Plugins,
    show: Show | None = None,
    device: str = "cpu",
) -> Iterator[Record]:
    """Yield {"prompt", "text", "tokens", "step"} for each prompt, ``count`` times each.

    Sample i of a prompt is drawn with seed + i. ``show`` gets the text as it is written. ``device``
    is "auto", "cpu", "cuda" …; which one was taken is said on stderr.
    """
    checkpoint = _loaded(folder, plugins, device)
    for prompt in prompts:
        ids = prompt_ids(checkpoint, prompt, how.chat)
        for turn in range(count):
            if show is not None and not how.chat:
                show(prompt)
            new = write(checkpoint, ids, how, how.seed + turn, show)
            if show is not None:
                show("\n")
            yield {
                "prompt": prompt,
                "text": checkpoint.tokenizer.decode(new),
                "tokens": len(new),
                "step": checkpoint.step,
            }


def _loaded(folder: Path, plugins: Plugins, device: str) -> Checkpoint:
    """Load a model to where it is to work, and say where that is."""
    machine = choose_device(device, "float32", option="--device")
    checkpoint = load_checkpoint(folder, machine.device, plugins)
    log(TOOL, f"{checkpoint.folder} on {machine.describe()}")
    return checkpoint


def about_blank(samples: Sequence[Record], how: Sampling) -> str:
    """Tell people why they see nothing: what these samples, all without a letter, are."""
    count = f"{len(samples)} sample" + ("s are" if len(samples) > 1 else " is")
    if not any(record["tokens"] for record in samples):
        return f"{count} empty: the model ended the text at once; another --seed may go on"
    likeliest = "its likeliest token" if how.temperature == 0 else "what it knows best"
    more = ", or --temperature 0.8" if how.temperature == 0 else ""
    return (
        f"{count} white space alone: after {samples[0]['step']:,} steps that is {likeliest}; "
        f"train on{more}"
    )


def converse(
    folder: Path,
    how: Sampling,
    plugins: Plugins,
    show: Show,
    lines: Iterable[str] | None = None,
    device: str = "cpu",
) -> None:
    """Answer one line after another (stdin's), each with all that was said before in view."""
    checkpoint = _loaded(folder, plugins, device)
    messages: list[dict[str, str]] = []
    for turn, line in enumerate(sys.stdin if lines is None else lines):
        if not (question := line.strip()):
            continue
        messages.append({"role": "user", "content": question})
        ids = encode_prompt(checkpoint.tokenizer, messages)
        new = write(checkpoint, ids, how, how.seed + turn, show)
        show("\n")
        messages.append({"role": "assistant", "content": checkpoint.tokenizer.decode(new)})


def write(
    checkpoint: Checkpoint, ids: Sequence[int], how: Sampling, seed: int, show: Show | None
) -> list[int]:
    """Generate one sample; give its ids, and hand its text to ``show`` piece by piece."""
    end = checkpoint.tokenizer.end_id
    stream = continue_ids(
        checkpoint.model, list(ids) or [end], end, how.temperature, how.top_p, seed
    )
    new: list[int] = []
    shown = ""
    for token in islice(stream, how.max_new):
        new.append(token)
        if show is not None:
            shown = _show_more(checkpoint.tokenizer, new, shown, show, last=False)
    if show is not None:
        _show_more(checkpoint.tokenizer, new, shown, show, last=True)
    return new


def _show_more(
    tokenizer: Tokenizer, ids: Sequence[int], shown: str, show: Show, *, last: bool
) -> str:
    """Show what is new and sure in the text of ids; give all that was shown."""
    text = tokenizer.decode(ids)
    sure = text if last else text.rstrip(PARTIAL)
    if not sure.startswith(shown) or len(sure) == len(shown):
        return shown
    show(sure[len(shown) :])
    if sys.stdout.isatty():
        sys.stdout.flush()
    return sure


def prompt_ids(checkpoint: Checkpoint, prompt: str, chat: bool) -> list[int]:
    """Encode a prompt: the beginning of a document, or a user's turn and the assistant's mark."""
    tokenizer = checkpoint.tokenizer
    if not chat:
        return [tokenizer.end_id, *tokenizer.encode(prompt)]
    return encode_prompt(tokenizer, [{"role": "user", "content": prompt}])
