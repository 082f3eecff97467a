"""Run commands as steps of a study: what is done is not done again, and every step has its cost."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from mind_core.files import atomic_file
from mind_core.output import write_records


class Runner:
    """Run tools in a folder; a study that was killed goes on behind its last whole step.

    A step is a command. Its note under `steps/` is written when it has ended well, with what it
    printed and its CPU seconds, and is looked up by the command and by what went into it before
    (the notes of earlier steps), so that a changed step makes the later ones run again. A folder of
    another scale, other data, other tools or another machine is refused: results of two runs would
    be taken for one.
    """

    def __init__(self, folder: Path, data: Path, scale: str) -> None:
        self.folder, self.data = folder, data.resolve()
        self.seconds = 0.0
        self._before = ""
        self._claim({"scale": scale, "data": str(self.data), **machine()})
        (folder / "steps").mkdir(parents=True, exist_ok=True)

    def _claim(self, run: dict[str, str]) -> None:
        """Note what this folder is for, or stop if it is for something else."""
        note = self.folder / "run.json"
        if note.exists():
            there = json.loads(note.read_text())
            if other := [
                f"{name} {there.get(name)}" for name in run if there.get(name) != run[name]
            ]:
                raise SystemExit(f"{self.folder} holds a run of {', '.join(other)}: give another")
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise SystemExit(f"{self.folder} holds results of no named run: give another folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(note) as file:
            file.write(json.dumps(run, ensure_ascii=False).encode())

    def run(self, *arguments: object) -> str:
        """Run a command if it has not been run; return what it printed, or stop with its errors."""
        command = [str(part) for part in arguments]
        key = hashlib.sha256(json.dumps([self._before, command]).encode()).hexdigest()[:16]
        self._before = key
        note = self.folder / "steps" / f"{key}.json"
        if not note.exists():
            printed, seconds = self._execute(command)
            with atomic_file(note) as file:
                step = {"command": command, "seconds": round(seconds, 2), "printed": printed}
                file.write(json.dumps(step, ensure_ascii=False).encode())
            print(f"  {seconds:7.1f} s  {' '.join(command)[:110]}", file=sys.stderr, flush=True)
        done = json.loads(note.read_text())
        self.seconds += done["seconds"]
        return str(done["printed"])

    def _execute(self, command: list[str]) -> tuple[str, float]:
        tool, *rest = command
        before = _spent()
        done = subprocess.run(
            [sys.executable, "-m", tool.replace("-", "_"), *rest],
            cwd=self.folder, capture_output=True, text=True, check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MIND_CACHE": str(self.folder / "cache")},
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
        return done.stdout, _spent() - before

    def base(self, texts: Iterable[str], vocabulary: int, steps: int, *changes: str) -> None:
        """Train a tokenizer on texts, and a base model on them for so many steps."""
        write_records(
            self.folder / "texts.zst",
            ({"id": str(n), "text": text} for n, text in enumerate(texts)),
        )
        self.run("mind-tok", "train", "texts.zst", "--vocab-size", vocabulary, "-o", "tokenizer")
        self.run("mind-train", "pretrain", "texts.zst", "-t", "tokenizer", "-o", "base", "-q",
                 "--recipe", "tiny-cpu", *_settings(steps, changes))  # fmt: skip

    def tune(self, chats: str, name: str, steps: int, seed: int = 0, *changes: str) -> None:
        """Fine-tune the base model on chats for so many steps."""
        self.run("mind-train", "sft", chats, "-t", "tokenizer", "--from", "base", "-o", name, "-q",
                 "--seed", seed, *_settings(steps, ("train.epochs=0", "optimizer.lr=1e-3",
                 *changes)))  # fmt: skip

    def write_result(self, part: str, scale: str, found: dict[str, object]) -> None:
        """Write what a part found, beside what it cost and where it ran."""
        result = {
            "part": part,
            "scale": scale,
            "cpu_minutes": round(self.seconds / 60, 1),
            "machine": machine(),
            **found,
        }
        with atomic_file(self.folder / "result.json") as file:
            file.write(json.dumps(result, indent=1, ensure_ascii=False).encode() + b"\n")


def machine() -> dict[str, str]:
    """Say what decides the figures of a run: the processor, Python, and the libraries."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(),
        "threads": "1",
        "python": platform.python_version(),
        "torch": version("torch"),
        "mind-domain": version("mind-domain"),
    }


def _settings(steps: int, changes: Iterable[str]) -> list[str]:
    values = [f"train.steps={steps}", "data.max_epochs=1000", *changes]
    return [word for value in values for word in ("--set", value)]


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
