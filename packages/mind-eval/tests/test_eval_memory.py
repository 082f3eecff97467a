"""Memory is bounded by the batch and work is linear in tokens, whatever stands in the input."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mind_eval.batching import TREE_TOKENS, ScoredSequence, plan

RUN = """
import json, re, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # so that a relapse harms nobody
import torch
from mind_eval.perplexity import measure
from mind_eval.models.model import open_model
from mind_eval.scoring import ScoredSequence, score

def peak():
    # Not ru_maxrss: that begins with what the parent process had.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

torch.set_num_threads(1)
model = open_model(sys.argv[1])
seen = []
model.network.model.register_forward_hook(lambda m, a, out: seen.append(out[..., 0].numel()))
for kind in ("heldout", "endings"):
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak()
    for path in sys.argv[2:]:
        texts = Path(path).read_text().splitlines()
        seen.clear()
        if kind == "heldout":
            measure(model, ({"text": text} for text in texts))
        else:  # questions with two endings, of which many have nothing before them
            asked = []
            for text in texts:
                ids = [model.tokenizer.end_id, *model.tokenizer.encode(text)[:60]]
                asked += [ScoredSequence((*ids, token), len(ids)) for token in (5, 9)]
            score(model.network, asked)
        print(json.dumps([peak() - before, len(seen), sum(seen)]))
"""


def texts_of(number: int, texts: list[str]) -> list[str]:
    """Draw texts of 120 to 400 characters, each of another beginning."""
    chance = random.Random(number)
    found = []
    for _ in range(number):
        text = "".join(chance.choice(texts) for _ in range(4)).replace("\n", " ")
        start = chance.randrange(len(text) // 2)
        found.append(text[start : start + chance.randint(120, 400)])
    return found


@pytest.fixture(scope="module")
def measured(
    model_folder: Path, texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Any]]:
    """Measure both kinds, first with 10 documents and then with 1,000, in a process of its own."""
    folder = tmp_path_factory.mktemp("texts")
    for number in (10, 1000):
        (folder / f"{number}.txt").write_text("\n".join(texts_of(number, texts)))
    command = [sys.executable, "-c", RUN, str(model_folder)]
    command += [str(folder / "10.txt"), str(folder / "1000.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-600:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {"heldout": found[:2], "endings": found[2:]}


@pytest.mark.parametrize("kind", ["heldout", "endings"])
def test_a_thousand_documents_take_no_more_memory_than_ten(
    measured: dict[str, list[Any]], kind: str
) -> None:
    (few, passes, tokens), (many, more_passes, more_tokens) = measured[kind]
    assert many < few + 64, f"{few:.0f} MiB for 10 documents, {many:.0f} MiB for 1,000"
    assert more_tokens < 130 * tokens, "each token is read a bounded number of times"
    assert more_passes < 130 * passes, "passes grow with the tokens"


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 40), st.integers(1, 60), st.integers(0, 9)),
        min_size=1, max_size=60,
    ),
    st.sampled_from([64, 300, 8192]),
)  # fmt: skip
def test_every_plan_is_bounded_and_answers_all(
    drawn: list[tuple[int, int, int, int]], budget: int
) -> None:
    """Contexts that begin alike, of all depths, with branches of all lengths."""
    sequences = [
        ScoredSequence((*[subject] * depth, *[7 + mark] * length, mark), length)
        for subject, depth, length, mark in drawn
    ]
    units = plan(sequences, budget)
    assert sorted(i for unit in units for i in unit.sequences) == list(range(len(sequences)))
    for unit in units:
        start = len(unit.prefix)
        widest = max(row.width for row in unit.rows)
        assert len(unit.rows) == 1 or len(unit.rows) * widest <= budget
        for row in unit.rows:
            assert row.read[:start] == unit.prefix and len(row.context) > start
            assert not row.branches or row.width - start <= min(budget, TREE_TOKENS)


def test_a_long_context_is_read_once_behind_a_short_one_that_is_shared() -> None:
    """Answers to a text that is too long for a mask share it as a prefix."""
    text = tuple(range(3000))
    asked = [ScoredSequence((*text, 5, *[answer] * 20), 20) for answer in range(4)]
    (unit,) = plan(asked, 1 << 14)
    assert len(unit.prefix) == 3000 and len(unit.rows) == 4
    questions = [
        ScoredSequence((*text[:2990], 4000 + n, *[answer] * 5), 5)
        for n in range(9)
        for answer in (1, 2)
    ]
    units = plan(questions, 1 << 16)
    assert [len(unit.prefix) for unit in units] == [2984], "nine questions behind one prefix"
    assert all(len(row.branches) == 2 for row in units[0].rows), "and their answers branch off"


def test_beginnings_as_deep_as_the_input_are_planned_without_recursion() -> None:
    sequences = [ScoredSequence((*range(8 * n), 9, 9), 1) for n in range(1, 1500)]
    units = plan(sequences, 1 << 14)
    assert sum(len(unit.sequences) for unit in units) == len(sequences)
