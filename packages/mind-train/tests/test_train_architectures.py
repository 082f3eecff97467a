"""Strangers' architectures go all the way, and what breaks the contract is named."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mind_core import MindError
from mind_core.progress import Progress
from mind_core.testing import check_architecture
from mind_train.checkpoint import load_checkpoint
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.export.folder import export
from mind_train.generate import generate
from mind_train.models.contract import check_states
from mind_train.models.plain_module import build_model
from mind_train.pipeline import prepare_pretrain, prepare_sft, train

sys.path.insert(0, str(Path(__file__).parent))
from strangers import GRU, Cached, CachedConfig, Decoder, DecoderConfig, GRUConfig

PLUGIN = Path(__file__).parent / "strangers.py"
ALL = ["gru", "decoder", "cached"]


@pytest.mark.parametrize("kind", [GRUConfig, DecoderConfig, CachedConfig])
def test_strangers_pass_the_check(kind: Any) -> None:
    check_architecture(kind)
    check_architecture(kind, vocabulary=31, length=1)
    # One that takes fewer tokens than it is offered is asked about those alone.
    check_architecture(lambda vocab, **rest: kind(vocab=min(vocab, 48), **rest), length=4)


def small(architecture: str, **options: object) -> list[str]:
    changes = {"steps": 4, "batch": 4, "evaluate_every": 4, "save_every": 2} | options
    return [
        f"model={{architecture='{architecture}'}}",
        "train.evaluate_tokens=300",
        *(f"train.{key}={value}" for key, value in changes.items()),
    ]


def begin(shards: Path, run: Path, changes: list[str]) -> Path:
    recipe = effective_recipe("tiny-cpu", changes, seed=3)
    job = prepare_pretrain(recipe, load_plugins([PLUGIN]), shards)
    train(job, run, Progress(None), quiet=True)
    return run


@pytest.mark.parametrize("name", ALL)
def test_strangers_go_all_the_way(
    name: str, shards: Path, chat_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Train, stop and go on to the bit, sample, tune, export, and load what was exported."""
    run = begin(shards, tmp_path / "run", small(name))
    whole = load_checkpoint(run, plugins=load_plugins([PLUGIN]))
    cut = tmp_path / "cut"
    shutil.copytree(run, cut)
    shutil.rmtree(cut / "checkpoints" / "step-00000004")
    (cut / "manifest.json").unlink()
    begin(shards, cut, small(name))
    again = load_checkpoint(cut, plugins=load_plugins([PLUGIN]))
    assert again.fingerprint == whole.fingerprint
    prompt = whole.tokenizer.encode("A rolling stone gathers")
    written = generate(whole, prompt, max_new=40)  # beyond the context
    assert len(written) > 1 and max(written) < whole.config.vocab
    with torch.no_grad():
        best = whole.model.logits(whole.model(torch.tensor([prompt]))[0, -1]).argmax()
    assert written[0] == int(best)
    recipe = effective_recipe("sft-cpu", ["train.epochs=0", "train.steps=3", "train.batch=4"], 3)
    job = prepare_sft(recipe, load_plugins([PLUGIN]), chat_shards, run)
    train(job, tmp_path / "tuned", Progress(None), quiet=True)
    export(tmp_path / "tuned", tmp_path / "out", load_plugins([PLUGIN]))
    code = (tmp_path / "out" / "README.md").read_text().split("```python\n")[1].split("```")[0]
    source = tmp_path / "load.py"
    source.write_text(code.replace(f"from {PLUGIN.name} import", "from strangers import"))
    monkeypatch.chdir(tmp_path / "out")
    loaded = runpy.run_path(str(source))["model"].eval()
    tuned = load_checkpoint(tmp_path / "tuned", plugins=load_plugins([PLUGIN])).model
    ids = torch.tensor([prompt])
    with torch.no_grad():
        assert torch.equal(loaded(ids), tuned(ids))


def test_conversations_share_no_row_of_a_model_that_keeps_none_apart(
    shards: Path, chat_shards: Path, tmp_path: Path
) -> None:
    """A packed row would let an answer see the conversation before it."""
    rows = {}
    for name in ("gru", "cached"):
        run = begin(shards, tmp_path / name, small(name, steps=1))
        recipe = effective_recipe("sft-cpu", ["train.epochs=0", "train.steps=1"], 3)
        job = prepare_sft(recipe, load_plugins([PLUGIN]), chat_shards, run)
        rows[name] = len(job.mixture.sources[0].rows), job.settings.train.document_mask
    assert rows["gru"][1] is False and rows["cached"][1] is True
    assert rows["gru"][0] == 54 > rows["cached"][0]
    with pytest.raises(MindError, match="takes no `documents`"):
        begin(shards, tmp_path / "masked", small("gru", document_mask="true"))


@pytest.mark.parametrize("option", ["recompute", "compile"])
def test_what_works_on_blocks_is_refused_without_them(
    option: str, shards: Path, tmp_path: Path
) -> None:
    with pytest.raises(MindError, match=rf"train\.{option}.*names none"):
        begin(shards, tmp_path / "run", small("gru", **{option: "true"}))


def test_recomputed_blocks_learn_the_same(shards: Path, tmp_path: Path) -> None:
    plain = begin(shards, tmp_path / "a", small("decoder"))
    again = begin(shards, tmp_path / "b", small("decoder", recompute="true"))
    losses = [
        [json.loads(line).get("loss") for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (plain, again)
    ]
    assert losses[0] == losses[1]


def test_a_checkpoint_of_a_plugin_that_is_not_there_says_so(shards: Path, tmp_path: Path) -> None:
    run = begin(shards, tmp_path / "run", small("gru", steps=1))
    with pytest.raises(MindError, match="no plugin here offers") as caught:
        load_checkpoint(run)
    assert "pip install" in str(caught.value.hint)


class Broken(GRU):
    """A stranger's mistakes, by name."""

    def __init__(self, config: GRUConfig, what: str) -> None:
        super().__init__(config)
        self.what = what
        if what == "bias":
            self.head = nn.Linear(config.dim, config.vocab)
        elif what == "narrow":
            self.head = nn.Linear(config.dim, 7, bias=False)
        elif what == "counts":
            self.register_buffer("seen", torch.zeros(1))
        elif what == "both ways":
            self.gru = nn.GRU(config.dim, config.dim // 2, batch_first=True, bidirectional=True)
        elif what == "no head":
            del self.head, self.embedding
            self.one = nn.Embedding(config.vocab, config.dim)
            self.two = nn.Embedding(config.vocab, config.dim)
        elif what == "unused":
            self.extra = nn.Linear(2, 2)

    def forward(self, ids: Tensor) -> Any:
        if self.what == "raises":
            raise ValueError("boo")
        if self.what == "counts":
            self.seen += 1
        x = self.gru(self.embedding(ids))
        if self.what == "a pair":
            return x
        if self.what == "scores":
            return self.head(x[0])
        if self.what == "draws":
            return x[0] + torch.randn_like(x[0])
        if self.what == "not finite":
            return x[0] / 0.0
        return x[0].mean(0, keepdim=True).expand_as(x[0]) if self.what == "rows" else x[0]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("bias", "has a bias"), ("narrow", r"head is \[7, 24\]"), ("counts", "changes its buffer"),
        ("both ways", "not causal"), ("no head", "no `head`"),
        ("raises", "boo, at test_train_arch"), ("a pair", "makes a tuple"),
        ("scores", "scores of the tokens already"),
        ("draws", "differently the second time"), ("not finite", "not finite"),
    ],
)  # fmt: skip
def test_what_breaks_the_contract_is_named(what: str, words: str) -> None:
    @dataclass(frozen=True)
    class Config(GRUConfig):
        def build(self) -> nn.Module:
            return Broken(self, what)

    with pytest.raises(MindError) as caught:
        check_states(build_model(Config(97)))
    error = caught.value
    assert __import__("re").search(words, f"{error.message} {error.cause}") and error.hint


@pytest.mark.parametrize(("what", "words"), [("rows", "see each other"), ("unused", "extra")])
def test_the_check_for_tests_finds_more(what: str, words: str) -> None:
    @dataclass(frozen=True)
    class Config(GRUConfig):
        def build(self) -> nn.Module:
            return Broken(self, what)

    with pytest.raises(AssertionError, match=words):
        check_architecture(Config)


def wrong_cache(config: CachedConfig) -> nn.Module:
    """Forget to count what the cache holds."""

    class Forgetful(Cached):
        def forward(self, ids: Tensor, documents: Any = None, cache: Any = None) -> Tensor:
            states = super().forward(ids, documents, cache)
            if cache is not None:
                cache.length = 0
            return states

    return Forgetful(config)


def wrong_documents(config: CachedConfig) -> nn.Module:
    """Take `documents` and leave them aside."""

    class Open(Cached):
        def forward(self, ids: Tensor, documents: Any = None, cache: Any = None) -> Tensor:
            del documents
            return super().forward(ids, None, cache)

    return Open(config)


def wrong_table(config: CachedConfig) -> nn.Module:
    """Draw a table that no checkpoint holds."""

    class Drawn(Cached):
        def __init__(self, config: CachedConfig) -> None:
            super().__init__(config)
            self.register_buffer("table", torch.randn(config.dim))

        def forward(self, ids: Tensor, documents: Any = None, cache: Any = None) -> Tensor:
            return super().forward(ids, documents, cache) + self.table  # type: ignore[no-any-return]

    return Drawn(config)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (wrong_cache, "counts 0 of 12"), (wrong_documents, "lets a document see"),
        (wrong_table, "with a checkpoint's weights is another"),
    ],
)  # fmt: skip
def test_optional_parts_are_checked_where_there_are_some(
    build: Callable[[Any], nn.Module], words: str
) -> None:
    @dataclass(frozen=True)
    class Config(CachedConfig):
        def build(self) -> nn.Module:
            return build(self)

    with pytest.raises(AssertionError, match=words):
        check_architecture(Config)


def test_defaults_stand_for_what_is_missing() -> None:
    model = build_model(DecoderConfig(97))
    tied = model.head
    assert tied is model.embedding.weight and isinstance(getattr(model, "module"), Decoder)  # noqa: B009
    total = sum(p.numel() for p in model.parameters())
    assert sum(model.groups().values()) == total and "head" not in model.groups()
    assert set(build_model(GRUConfig(97)).groups()) == {"embedding", "head", "body"}
    assert model.keys_seen(8) == [] and not model.sees_documents
    names = {name for name, _ in model.named_parameters()}
    assert "words.weight" in names and not any(name.startswith("module") for name in names)


def test_the_check_leaves_chance_as_it_was() -> None:
    torch.manual_seed(5)
    model = build_model(GRUConfig(97))
    state = torch.get_rng_state()
    check_states(model)
    assert torch.equal(torch.get_rng_state(), state) and model.training
