"""What `mind-eval run` was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunOptions:
    """The options of a run, but for the recipe."""

    model: str
    model_name: str | None = None
    timeout: float = 60.0
    api: str = "completions"
    api_key_env: str | None = None
    concurrency: int = 1
    tasks: Sequence[str | Path] = ()
    hub: bool = False
    allow_task_code: bool = False
    shots: int | None = None
    heldout: Sequence[str] = ()
    overlap: int | None = None
    data_root: Path | None = None
    limit: int | None = None
    spread: bool = False
    max_new_tokens: int | None = None
    chat: str | None = None
    """Of `--task`; benchmarks have it from the recipe."""

    seed: int = 0
    batch_tokens: int = 8192
    device: str = "auto"
    dtype: str = "float32"
    output: Path | None = None
    answers: Path | None = None
    keep_going: bool = False
    contamination: Sequence[Path] = ()
    progress: bool | None = None

    @property
    def answer_folder(self) -> Path | None:
        """Give where the answer log lies: beside the output unless it was named."""
        if self.answers is not None or self.output is None:
            return self.answers
        return self.output.with_name(self.output.name + ".answers")


def model_line(name: str) -> str:
    """Say which model a name stands for, without opening it."""
    if name.startswith(("http://", "https://")) or (Path(name) / "config.json").is_file():
        return f"# model: {name}"
    from mind_train.checkpoint import find_checkpoint

    _, manifest = find_checkpoint(Path(name))
    return f"# model: {name}, step {manifest['step']}"
