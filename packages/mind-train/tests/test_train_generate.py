"""Generation: the cache changes nothing, seeds repeat, the end token ends."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_core import MindError
from mind_train.generate import choose, continue_ids, generate
from mind_train.models.gpt_neo import GPTNeoConfig
from mind_train.models.language_model import LanguageModel
from mind_train.models.mindllm import MindLLMConfig


@dataclass
class Ends:
    end_id: int = 0


@dataclass
class Loaded:
    model: LanguageModel
    tokenizer: Ends


def build(config: Any) -> LanguageModel:
    torch.manual_seed(4)
    extra = {"window": 6} if config is GPTNeoConfig else {"beta": 1.0, "embedding_std": 0.3}
    model: LanguageModel = config(
        vocab=60, dim=32, layers=3, heads=2, ffn_dim=48, context=24, **extra
    ).build()
    return model.eval()


both = pytest.mark.parametrize("config", [GPTNeoConfig, MindLLMConfig])


@both
def test_cached_logits_equal_uncached_ones(config: Any) -> None:
    """Token by token, after a prompt, and after a second piece of several tokens."""
    model = build(config)
    ids = torch.randint(0, 60, (1, 20))
    with torch.no_grad():
        whole = model.logits(model(ids))
        cache = model.new_cache(1, 24)
        pieces = [model(ids[:, a:b], cache=cache) for a, b in ((0, 7), (7, 12))]
        pieces += [model(ids[:, i : i + 1], cache=cache) for i in range(12, 20)]
        stepwise = model.logits(torch.cat(pieces, dim=1))
    torch.testing.assert_close(stepwise, whole, rtol=1e-5, atol=1e-5)


@both
def test_greedy_equals_the_argmax_without_cache(config: Any) -> None:
    model = build(config)
    prompt = [5, 9, 11]
    ids, expected = list(prompt), []
    with torch.no_grad():
        for _ in range(12):
            token = int(model.logits(model(torch.tensor([ids]))[0, -1]).argmax())
            expected.append(token)
            ids.append(token)
    found = list(islice(continue_ids(model, prompt, (), 0.0, 1.0, 0), 12))
    assert found == expected


@both
def test_generation_goes_on_past_the_context(config: Any) -> None:
    found = list(islice(continue_ids(build(config), [1] * 40, (), 1.0, 1.0, 3), 60))
    assert len(found) == 60


def test_a_seed_repeats_and_another_differs() -> None:
    loaded = Loaded(build(MindLLMConfig), Ends(-1))
    first = generate(loaded, [3], 16, temperature=1.0, seed=1)
    assert first == generate(loaded, [3], 16, temperature=1.0, seed=1)
    assert first != generate(loaded, [3], 16, temperature=1.0, seed=2)


def test_the_end_token_ends_and_is_not_given() -> None:
    model = build(MindLLMConfig)
    free = generate(Loaded(model, Ends(-1)), [3], 16, temperature=1.0, seed=5)
    end = free[6]
    stopped = generate(Loaded(model, Ends(end)), [3], 16, temperature=1.0, seed=5)
    assert stopped == free[: free.index(end)]


def test_top_p_keeps_the_smallest_sufficient_set() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    chooser = torch.Generator().manual_seed(0)

    def seen(top_p: float) -> set[int]:
        return {choose(logits, 1.0, top_p, chooser) for _ in range(300)}

    assert seen(0.1) == {0}
    assert seen(0.6) == {0, 1}
    assert seen(0.81) == {0, 1, 2}
    assert seen(1.0) == {0, 1, 2, 3}


@pytest.mark.parametrize(("temperature", "top_p"), [(-0.1, 1.0), (float("nan"), 1.0), (1.0, 0.0)])
def test_values_without_meaning_are_refused(temperature: float, top_p: float) -> None:
    with pytest.raises(MindError) as caught:
        generate(Loaded(build(MindLLMConfig), Ends()), [1], 2, temperature, top_p)
    assert caught.value.hint


def test_what_is_streamed_is_what_is_written(trained: Path) -> None:
    from mind_train.components import load_plugins
    from mind_train.sample import Sampling, sample

    how = Sampling(max_new=40, temperature=1.5, top_p=1.0, seed=3, chat=False)
    parts: list[str] = []
    (record,) = sample(trained, ["学而"], how, 1, load_plugins(), parts.append)
    assert len(parts) > 5
    assert "".join(parts) == f"学而{record['text']}\n"
    (quiet,) = sample(trained, ["学而"], how, 1, load_plugins())
    assert quiet == record


@pytest.mark.parametrize(
    ("tokens", "temperature", "said"),
    [
        (9, 0.0, "white space alone: after 12 steps that is its likeliest token; train on, or "),
        (9, 0.8, "white space alone: after 12 steps that is what it knows best; train on"),
        (0, 0.8, "empty: the model ended the text at once; another --seed may go on"),
    ],
)
def test_a_blank_sample_is_explained(tokens: int, temperature: float, said: str) -> None:
    from mind_train.sample import Sampling, about_blank

    how = Sampling(max_new=9, temperature=temperature, top_p=1.0, seed=0, chat=False)
    text = about_blank([{"prompt": "", "text": "\n", "tokens": tokens, "step": 12}], how)
    assert text.startswith(f"1 sample is {said}")


def test_a_conversation_keeps_what_was_said(trained: Path) -> None:
    """The second answer is the one that follows the first two turns and the first answer."""
    from mind_tok.chat import encode_prompt
    from mind_train.checkpoint import load_checkpoint
    from mind_train.components import load_plugins
    from mind_train.sample import Sampling, converse

    how = Sampling(max_new=6, temperature=0.0, top_p=1.0, seed=0, chat=True)
    said: list[str] = []
    converse(trained, how, load_plugins(), said.append, ["one?\n", "\n", "two?\n"])
    checkpoint = load_checkpoint(trained)
    messages: list[dict[str, str]] = []
    expected = ""
    for question in ("one?", "two?"):
        messages.append({"role": "user", "content": question})
        ids = encode_prompt(checkpoint.tokenizer, messages)
        answer = checkpoint.tokenizer.decode(generate(checkpoint, ids, 6))
        messages.append({"role": "assistant", "content": answer})
        expected += f"{answer}\n"
    assert "".join(said) == expected


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-46, 1e-45, 1e-40, 1e-38])
def test_the_coldest_temperatures_are_greedy(temperature: float) -> None:
    chooser = torch.Generator().manual_seed(0)
    for best in (3.0, 0.0, -2.0):
        logits = torch.tensor([best - 1.0, -torch.inf, best, best - 5.0])
        assert choose(logits, temperature, 1.0, chooser) == 2
        assert choose(logits, 1.0, temperature, chooser) == 2  # the smallest top-p
