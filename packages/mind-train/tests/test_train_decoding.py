"""Texts written together are those written alone; rules do what they say; stop strings stop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_core import MindError
from mind_core.testing import run_tool
from mind_train.decoding import Rules, Written, write_all, write_together
from mind_train.generate import continue_ids
from mind_train.models.gpt_neo import GPTNeoConfig
from mind_train.models.language_model import LanguageModel
from mind_train.models.mindllm import MindLLMConfig
from mind_train.sample import read_prompts


class Letters:
    """Ids 1 … 26 are letters, 27 is half a character, 28 its other half; 0 ends."""

    end_id = 0

    def decode(self, ids: Sequence[int]) -> str:
        data = b"".join(
            {27: b"\xe5\xad", 28: b"\x97"}.get(i, bytes([96 + i]) if i < 27 else b"?") for i in ids
        )
        return data.decode("utf-8", "replace")


def build(config: Any = MindLLMConfig) -> LanguageModel:
    torch.manual_seed(4)
    extra = {"window": 6} if config is GPTNeoConfig else {"beta": 1.0, "embedding_std": 0.3}
    model: LanguageModel = config(
        vocab=30, dim=32, layers=3, heads=2, ffn_dim=48, context=24, **extra
    ).build()
    return model.eval()


@pytest.mark.parametrize("config", [GPTNeoConfig, MindLLMConfig])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_together_is_as_alone(config: Any, temperature: float) -> None:
    """Prompts of several lengths and seeds, some ended early, over the end of the context."""
    model, words = build(config), Letters()
    prompts = [[3], [9, 5], [7, 7], [1, 2, 3], [4], [8]]
    rules = [Rules(n, temperature, 1.0, seed=n) for n in (40, 3, 12, 5, 30, 1)]
    together = write_all(model, words, prompts, rules, batch=2)
    for prompt, rule, written in zip(prompts, rules, together, strict=True):
        stream = continue_ids(model, prompt, {0}, rule.temperature, rule.top_p, rule.seed)
        alone = [token for token, _ in zip(stream, range(rule.max_new), strict=False)]
        assert written.ids == alone
        assert written.text == words.decode(alone)
        assert written.finish == ("length" if len(alone) == rule.max_new else "stop")
    with pytest.raises(ValueError, match="one length"):
        write_together(model, words, [[1], [1, 2]], rules[:2])


class Said(LanguageModel):
    """Say given tokens, whatever was asked: the scores of each step are set."""

    def __init__(self, scores: list[dict[int, float]], inner: LanguageModel | None = None) -> None:
        super().__init__()
        inner = inner or build()
        self.inner, self.config, self.embedding = inner, inner.config, inner.embedding
        self.scores, self.at = scores, 0

    def forward(self, ids: Any, documents: Any = None, cache: Any = None) -> Any:
        return self.inner(ids, documents, cache)

    def logits(self, hidden: Any) -> Any:
        out = torch.full((hidden.shape[0], 30), -9.0)
        for token, score in self.scores[min(self.at, len(self.scores) - 1)].items():
            out[:, token] = score
        self.at += 1
        return out

    def groups(self) -> Any: ...
    def keys_seen(self, sequence: int) -> Any: ...
    def new_cache(self, batch: int, length: int) -> Any:
        return self.inner.new_cache(batch, length)


def say(tokens: Sequence[int], rules: Rules) -> tuple[Written, list[str]]:
    shown: list[str] = []

    def show(_: int, new: str, __: Written) -> bool:
        shown.append(new)
        return True

    model = Said([{token: 9.0} for token in tokens])
    return write_together(model, Letters(), [[29]], [rules], show)[0], shown


def test_stop_strings_are_no_part_of_the_text_and_are_never_shown() -> None:
    rules = Rules(9, 0.0, 1.0, stop=("cab", "zz"))
    written, shown = say([1, 2, 3, 1, 4, 3, 1, 2, 5], rules)  # "abcad" + "cab" + …
    assert (written.text, written.finish, len(written.ids)) == ("abcad", "stop", 8)
    assert "".join(shown) == "abcad" and all("cab" not in "".join(shown[:n]) for n in range(9))
    written, shown = say([3, 1, 5, 0], rules)  # what looked like one was none
    assert (written.text, "".join(shown), written.finish) == ("cae", "cae", "stop")
    written, _ = say([3, 1], Rules(2, 0.0, 1.0, stop=("cab",)))
    assert (written.text, written.finish) == ("ca", "length")


def test_half_a_character_waits_for_its_rest() -> None:
    written, shown = say([1, 27, 28, 2, 0], Rules(9, 0.0, 1.0))
    assert written.text == "".join(shown) == "a字b" and shown == ["a", "", "字", "b", ""]


def test_rules_of_choice() -> None:
    inner = build()

    def seen(scores: dict[int, float], **options: Any) -> set[int]:
        found = set()
        for seed in range(60):
            model = Said([scores], inner)
            rules = Rules(1, 1.0, 1.0, seed=seed, **options)
            (written,) = write_together(model, Letters(), [[1]], [rules])
            found |= set(written.ids)
        return found

    close = {1: 5.0, 2: 4.9, 3: 4.8, 4: 4.7}
    assert seen(close) == {1, 2, 3, 4}
    assert seen(close, top_k=1) == {1} and seen(close, top_k=2) == {1, 2}
    assert 1 not in seen(close, repetition=1e5)  # 1 stands in the prompt
    assert seen({1: -1.0, 2: -1.0, 3: -1.0}, repetition=1e5) == {2, 3}
    for options in ({"max_new": 0}, {"top_k": -1}, {"repetition": 0.0}, {"stop": ("",)}):
        with pytest.raises(MindError) as caught:
            Rules(**options)
        assert caught.value.hint


def test_log_probabilities_are_the_models_own() -> None:
    """Before temperature and penalties; the likeliest first."""
    model = build()
    rules = Rules(5, 0.7, 0.9, repetition=1.3, seed=3, logprobs=4)
    (written,) = write_together(model, Letters(), [[5, 6]], [rules])
    ids = [5, 6, *written.ids]
    with torch.no_grad():
        shares = model.logits(model(torch.tensor([ids]))[0]).log_softmax(dim=-1)
    for place, (token, share, best) in enumerate(written.logprobs):
        assert token == written.ids[place]
        assert share == pytest.approx(float(shares[place + 1, token]), abs=1e-5)
        assert len(best) == 4 and best == sorted(best, key=lambda pair: -pair[1])
        assert best[0][1] == pytest.approx(float(shares[place + 1].max()), abs=1e-5)
    assert not write_together(model, Letters(), [[5, 6]], [Rules(3)])[0].logprobs


def test_nobody_wants_the_rest() -> None:
    model = build()
    (written,) = write_together(
        model, Letters(), [[5]], [Rules(50, 0.0)], lambda _, __, w: len(w.ids) < 3
    )
    assert len(written.ids) == 3 and written.finish == "gone"


def test_prompts_from_a_file(trained: Path, tmp_path: Path) -> None:
    lines, objects = tmp_path / "p.txt", tmp_path / "p.jsonl"
    lines.write_text("Still waters\n\n学而\n", "utf-8")
    objects.write_text('{"prompt": "Still waters"}\n{"prompt": "学而"}\n', "utf-8")
    assert read_prompts(lines) == read_prompts(objects) == ["Still waters", "学而"]
    options = ["--max-new", "6", "--temperature", "0", "--json", "--stop", " ", "--top-k", "3"]
    done = run_tool("mind-train", ["sample", trained, "--prompts", lines, *options])
    assert [r["prompt"] for r in done.records] == ["Still waters", "学而"], done.stderr
    assert all(" " not in r["text"] and r["finish"] in ("stop", "length") for r in done.records)
    for text, word in (('{"text": "a"}\n', "p.jsonl:1 has no prompt"), ("\n", "holds no prompt")):
        objects.write_text(text)
        with pytest.raises(MindError, match=word) as caught:
            read_prompts(objects)
        assert caught.value.hint


def test_a_prompt_ends_at_a_line_feed_alone(tmp_path: Path) -> None:
    """Other characters at which `str.splitlines` cuts stand in JSON strings as they are."""
    prompt = "one\u2028two\u2029three\x85four"
    lines, objects = tmp_path / "p.txt", tmp_path / "p.jsonl"
    lines.write_text(f"{prompt}\x0cfive\r\nsix\n", "utf-8", newline="")
    objects.write_text(f'{{"prompt": "{prompt}"}}\r\n{{"prompt": "six"}}\n', "utf-8", newline="")
    assert read_prompts(lines) == [f"{prompt}\x0cfive", "six"]
    assert read_prompts(objects) == [prompt, "six"]


def test_more_likeliest_tokens_than_there_are() -> None:
    rules = Rules(2, 0.0, logprobs=99, echo=True)
    (written,) = write_together(build(), Letters(), [[5, 6]], [rules])
    assert {len(best) for _, _, best in [*written.prompt, *written.logprobs]} == {30}
