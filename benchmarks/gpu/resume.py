"""Row 2: 20 steps, SIGTERM, the rest, against a run that was never stopped."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from rows import row

from mind_core.testing import signalling
from mind_tok.loading import make_plugins
from mind_tok.shards import ShardWriter

TOY = bool(os.environ.get("GPU_CHECK_TOY"))
STEPS, STOP = 40, 20
WORDS = ("the", "sea", "and", "sky", "were", "one", "that", "night", "海", "天", "一", "色")


def make_shards(folder: Path) -> None:
    """Write shards of random words, with a tokenizer trained on them."""
    chance = random.Random(0)
    texts = [" ".join(chance.choices(WORDS, k=200)) for _ in range(400)]
    tokenizer = make_plugins().make("register_tokenizers", "bpe").train(texts, 300)
    with ShardWriter(folder, tokenizer) as writer:
        for number, text in enumerate(texts):
            ids = [*tokenizer.encode(text), tokenizer.end_id]
            split = "validation" if number % 20 == 0 else "train"
            writer.add(ids, size=len(text.encode()), split=split, source="words", language="en")


def losses(run: Path) -> dict[int, float]:
    """Read the loss of each step."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


def main() -> None:
    """Compare the two runs."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_shards(folder / "shards")
        device = "cpu" if TOY else "cuda"
        changes = [
            f"train.steps={STEPS}", "train.batch=8", "data.max_epochs=0", "train.save_every=1000",
            f"train.device={device}", "train.document_mask=true", "train.evaluate_every=20",
        ]  # fmt: skip
        if TOY:
            changes += ["model.dim=32", "model.heads=2", "model.layers=2", "model.context=32"]
        else:
            changes += ["model.preset=15m", "train.compile=true"]
        arguments = [folder / "shards", "-q", "--recipe", "tiny-cpu"]
        for change in changes:
            arguments += ["--set", change]
        plain = [sys.executable, "-m", "mind_train"]
        stopping = signalling("mind-train", "mind_train.trainer:Trainer.step", STOP, signal.SIGTERM)
        codes = []
        for program, run in ((plain, "whole"), (stopping, "cut"), (plain, "cut")):
            codes.append(
                subprocess.run([*program, "pretrain", *arguments, "-o", folder / run]).returncode
            )
        whole, cut = losses(folder / "whole"), losses(folder / "cut")
        away = max(abs(cut[n] - whole[n]) / whole[n] for n in range(STOP + 1, STEPS + 1))
        row("SIGTERM at step 20: exit codes", str(codes), "[0, 130, 0]", codes == [0, 130, 0])
        row("steps 21 to 40 against unbroken", f"{away:.2e} relative", "1e-3", away <= 1e-3)
        same = sum(cut[n] == whole[n] for n in whole)
        row("of them equal to the bit", f"{same} of {len(whole)}")


if __name__ == "__main__":
    main()
