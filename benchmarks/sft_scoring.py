"""CPU time of scoring answers, beside a plain loop of transformers over the same folder.

    python benchmarks/sft_scoring.py --vocab 6000
    python benchmarks/sft_scoring.py --vocab 125700 --dim 256 --layers 4 --records 40

Three sets: records with prompts of their own, records that share a system prompt of 200 tokens, and
entropy with IFD (the loop then reads each record twice). The loop reads one record at a time and
makes all logits; the published IFD script does more than that, and has a row of its own. Values are
compared. With --bfloat16 the same records are scored in bfloat16 too, on a processor that has it: ×
is over the loop in float32, and Spearman's rank correlation is that of the entropies of both types.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mind_eval.models.model import Model
from mind_sft_select.score_stats import rank_correlation
from mind_sft_select.scoring.answer_model import AnswerModel
from mind_sft_select.scoring.templates import ConversationTemplate, EncodedChat


class Words:
    """A tokenizer of numbered words: what is timed is the model."""

    def __init__(self, vocab: int) -> None:
        self.end_id, self.vocab_size, self.sha256 = 0, vocab, "0" * 64
        self.special_ids = {"<user>": 1, "<assistant>": 2}

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """Return the numbers of a text's words."""
        return [[int(word) for word in text.split()] for text in texts]


def chats(count: int, vocab: int, system: int, seed: int = 0) -> list[list[dict[str, str]]]:
    """Make conversations with lengths like those of Alpaca; `system` tokens are shared by all."""
    rng = random.Random(seed)

    def words(number: int) -> str:
        return " ".join(str(rng.randrange(3, vocab)) for _ in range(number))

    shared = words(system)
    made = []
    for _ in range(count):
        question = words(rng.randint(10, 40))
        answer = words(min(250, int(rng.lognormvariate(3.5, 0.8)) + 3))
        first = [{"role": "system", "content": shared}] if system else []
        made.append([*first, {"role": "user", "content": question},
                     {"role": "assistant", "content": answer}])  # fmt: skip
    return made


@torch.inference_mode()
def loop(model: Any, encoded: list[EncodedChat], alone: bool) -> list[float]:
    """Score one record after the other, all logits each."""
    found = []
    for chat in encoded:
        (answer,) = chat.answers
        ids = torch.tensor([chat.ids])
        logits = model(input_ids=ids[:, :-1]).logits
        nats = torch.nn.functional.cross_entropy(logits[0], ids[0, 1:], reduction="none")
        found.append(float(nats[answer.start - 1 :].mean()))
        if alone:
            short = torch.tensor([[chat.ids[0], *chat.ids[answer.start :]]])
            logits = model(input_ids=short[:, :-1]).logits
            torch.nn.functional.cross_entropy(logits[0], short[0, 1:])
    return found


@torch.inference_mode()
def published(model: Any, encoded: list[EncodedChat]) -> None:
    """Read each record twice as the published IFD script does (Cherry_LLM, data_analysis.py): all
    logits and hidden states, their loss, and then each token's loss by itself.
    """
    for chat in encoded:
        (answer,) = chat.answers
        for read, start in (
            (chat.ids, answer.start),
            ([chat.ids[0], *chat.ids[answer.start :]], 1),
        ):
            ids = torch.tensor([read])
            labels = ids.clone()
            labels[0, :start] = -100
            made = model(input_ids=ids, labels=labels, output_hidden_states=True)
            for place in range(1, len(read)):
                spread = torch.log_softmax(made.logits[0, place - 1], dim=-1)
                torch.nn.functional.nll_loss(spread[None], ids[0, place, None]).item()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return CPU seconds and what came of it."""
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def main() -> None:
    """Time the sets and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("vocab", 6000), ("dim", 192), ("layers", 6), ("records", 120)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--bfloat16", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    from transformers import GPTNeoForCausalLM

    from mind_eval.models.mind_network import MindNetwork
    from mind_train.export.folder import read_model

    theirs = neo(given.vocab, given.dim, given.layers)
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours = read_model(Path(folder))[1].eval()
        half = read_model(Path(folder))[1].eval().to(torch.bfloat16)
        theirs = GPTNeoForCausalLM.from_pretrained(folder).eval()
    tokenizer = Words(given.vocab)
    model = Model("made", MindNetwork(ours), tokenizer, 512, "0" * 64)
    template = ConversationTemplate(tokenizer)
    million = sum(p.numel() for p in theirs.parameters()) / 1e6
    about = f"{million:.1f}M parameters, {given.vocab:,} words, torch {torch.__version__}"
    sys.stdout.write(f"{about}\n")
    sys.stdout.write("| set | loop, CPU s | score, CPU s | × | largest difference |\n")
    sys.stdout.write("|---|---:|---:|---:|---:|\n")
    for name, system, ifd in (
        ("prompts of their own", 0, False),
        ("shared system prompt", 200, False),
        ("entropy and IFD", 0, True),
    ):
        given_chats = chats(given.records, given.vocab, system)
        encoded = template.encode(given_chats)
        scorer = AnswerModel(model, template, unconditional=ifd)
        scorer(given_chats[:4])
        loop(theirs, encoded[:4], ifd)
        slow, expected = timed(lambda e=encoded, i=ifd: loop(theirs, e, i))
        fast, sums = timed(lambda s=scorer, c=given_chats: s(c))
        if ifd:
            slowest, _ = timed(lambda e=encoded: published(theirs, e))
            sys.stdout.write(f"| {name}, as the published script | {slowest:.2f} | {fast:.2f} "
                             f"| {slowest / fast:.2f} | |\n")  # fmt: skip
        off = max(abs(s.total.entropy() - e) for s, e in zip(sums, expected, strict=True))
        sys.stdout.write(f"| {name} | {slow:.2f} | {fast:.2f} | {slow / fast:.2f} | {off:.1e} |\n")
        if given.bfloat16:
            scorer = replace(scorer, model=replace(model, network=MindNetwork(half)))
            scorer(given_chats[:4])
            fast, low = timed(lambda s=scorer, c=given_chats: s(c))
            rank = correlation(sums, low)
            sys.stdout.write(f"| {name}, bfloat16 | {slow:.2f} | {fast:.2f} | {slow / fast:.2f} "
                             f"| Spearman {rank:.5f} |\n")  # fmt: skip
        sys.stdout.flush()


def correlation(first: list[Any], second: list[Any]) -> float:
    """Return Spearman's rank correlation of two lists of sums' entropies."""
    pairs = [(a.total.entropy(), b.total.entropy()) for a, b in zip(first, second, strict=True)]
    return rank_correlation(pairs) or 0.0


def neo(vocab: int, dim: int, layers: int) -> Any:
    """Make a GPT-Neo of transformers with weights drawn at random."""
    from transformers import GPTNeoConfig, GPTNeoForCausalLM

    torch.manual_seed(0)
    config = GPTNeoConfig(
        vocab_size=vocab, hidden_size=dim, num_layers=layers, num_heads=dim // 32,
        attention_types=[[["global", "local"], layers // 2]], max_position_embeddings=512,
        intermediate_size=4 * dim, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return GPTNeoForCausalLM(config).eval()


if __name__ == "__main__":
    main()
