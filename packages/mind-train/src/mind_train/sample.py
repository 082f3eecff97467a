"""The command `sample`: continue prompts with a checkpoint, or hold a conversation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mind_core import MindError, Record
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_core.records import decode
from mind_train.chat_prompt import chat_prompts, end_ids
from mind_train.checkpoint import Checkpoint, load_checkpoint
from mind_train.components import TOOL
from mind_train.decoding import Rules, Written, write_all, write_together
from mind_train.device import choose_device

Show = Callable[[str], None]


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens, and how many."""

    max_new: int
    temperature: float
    top_p: float
    seed: int
    chat: bool
    top_k: int = 0
    repetition: float = 1.0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.rules(0)

    def rules(self, turn: int, end_ids: frozenset[int] = frozenset()) -> Rules:
        """Give the rules of sample ``turn`` of a prompt; raise MindError for odd values."""
        return Rules(
            self.max_new, self.temperature, self.top_p, self.top_k, self.repetition, self.stop,
            self.seed + turn, end_ids=end_ids,
        )  # fmt: skip


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
    checkpoint = load_to_write(folder, plugins, device)
    words = checkpoint.tokenizer
    asked = [(prompt, turn) for prompt in prompts for turn in range(count)]
    ids = {prompt: prompt_ids(checkpoint, prompt, how.chat) for prompt in prompts}
    ends = chat_prompts(checkpoint).end_ids if how.chat else end_ids(checkpoint)
    if show is None:  # nobody watches: texts of one length are written together
        rules = [how.rules(turn, ends) for _, turn in asked]
        texts = write_all(checkpoint.model, words, [ids[prompt] for prompt, _ in asked], rules)
        for (prompt, _), written in zip(asked, texts, strict=True):
            yield _record(prompt, written, checkpoint)
        return
    for prompt, turn in asked:
        if not how.chat:
            show(prompt)
        written = write(checkpoint, ids[prompt], how.rules(turn, ends), show)
        show("\n")
        yield _record(prompt, written, checkpoint)


def _record(prompt: str, written: Written, checkpoint: Checkpoint) -> Record:
    return {
        "prompt": prompt,
        "text": written.text,
        "tokens": len(written.ids),
        "step": checkpoint.step,
        "finish": written.finish,
    }


def read_prompts(path: Path) -> list[str]:
    """Read one prompt a line, or the ``prompt`` of each object of a .jsonl file; - is stdin."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MindError(f"cannot read {path}", cause=error, hint="give a text file") from None
    found = []
    # A line ends at a line feed alone: U+2028, U+0085 and a form feed stand in prompts too.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if path.suffix == ".jsonl":
            record = decode(line.encode(), f"{path}:{number}")
            if not isinstance(record.get("prompt"), str):
                raise MindError(f"{path}:{number} has no prompt", hint='{"prompt": "…"} a line')
            line = record["prompt"]
        found.append(line)
    if not found:
        raise MindError(f"{path} holds no prompt", hint="write one a line")
    return found


def load_to_write(folder: Path, plugins: Plugins, device: str) -> Checkpoint:
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
    checkpoint = load_to_write(folder, plugins, device)
    prompts = chat_prompts(checkpoint)
    messages: list[dict[str, str]] = []
    # Another seed for each answer, or the same question would be answered alike.
    for turn, line in enumerate(sys.stdin if lines is None else lines):
        if not (question := line.strip()):
            continue
        messages.append({"role": "user", "content": question})
        ids = prompts.encode(messages)
        written = write(checkpoint, ids, how.rules(turn, prompts.end_ids), show)
        show("\n")
        messages.append({"role": "assistant", "content": written.text})


def write(checkpoint: Checkpoint, ids: Sequence[int], rules: Rules, show: Show) -> Written:
    """Write one text, and hand it to ``show`` piece by piece."""

    def seen(_: int, new: str, __: Written) -> bool:
        if new:
            show(new)
            # A terminal shows pieces as they come; a file or pipe is written in blocks.
            if sys.stdout.isatty():
                sys.stdout.flush()
        return True

    words = checkpoint.tokenizer
    return write_together(checkpoint.model, words, [list(ids) or [words.end_id]], [rules], seen)[0]


def prompt_ids(checkpoint: Checkpoint, prompt: str, chat: bool) -> list[int]:
    """Encode a prompt: the beginning of a document, or a user's turn and the assistant's mark."""
    tokenizer = checkpoint.tokenizer
    if not chat:
        return [tokenizer.end_id, *tokenizer.encode(prompt)]
    return chat_prompts(checkpoint).encode([{"role": "user", "content": prompt}])
