"""Folders of eight families: tokens as in lm-eval's `hf`, log-probabilities as in fp64."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mind_core import MindError
from mind_eval.generation import GenerationRequest, Generator, generation_plan
from mind_eval.lm import MindLM
from mind_eval.models.huggingface import FolderTokenizer
from mind_eval.models.model import Model, open_model
from mind_eval.perplexity import measure

transformers = pytest.importorskip("transformers")

VOCAB = 700
SIZES = {
    "vocab_size": VOCAB, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 96, "max_position_embeddings": 128,
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """What a family's tokenizer names and adds, and its network."""

    config: Callable[[], Any]
    pieces: bool
    bos: str | None
    eos: str
    adds: bool
    more: tuple[str, ...] = ()


def _of(name: str, **more: Any) -> Callable[[], Any]:
    return lambda: getattr(transformers, name)(**{**SIZES, **more})


FAMILIES = {
    "gpt2": Family(
        lambda: transformers.GPT2Config(vocab_size=VOCAB, n_embd=48, n_layer=3, n_head=4,
                                        n_positions=128),
        False, "<|endoftext|>", "<|endoftext|>", False,
    ),
    "gpt-neo": Family(
        lambda: transformers.GPTNeoConfig(
            vocab_size=VOCAB, hidden_size=48, num_layers=2, num_heads=4, intermediate_size=96,
            attention_types=[[["global", "local"], 1]], window_size=16, max_position_embeddings=128,
        ),
        False, "<|endoftext|>", "<|endoftext|>", False,
    ),
    "llama-2": Family(_of("LlamaConfig"), True, "<s>", "</s>", True),
    "llama-3": Family(
        _of("LlamaConfig", rope_theta=500000.0), False, "<|begin_of_text|>", "<|end_of_text|>",
        True, ("<|eot_id|>",),
    ),
    "mistral": Family(_of("MistralConfig", sliding_window=24), True, "<s>", "</s>", True),
    "qwen": Family(
        _of("Qwen2Config", tie_word_embeddings=True), False, None, "<|endoftext|>", False,
        ("<|im_end|>",),
    ),
    "gemma": Family(
        _of("Gemma2Config", head_dim=12, sliding_window=24, query_pre_attn_scalar=12,
            final_logit_softcapping=30.0, attn_logit_softcapping=50.0),
        True, "<bos>", "<eos>", True, ("<end_of_turn>",),
    ),
    # Baichuan's own network is Python in its folder; its kind is Llama's with a BOS that is named
    # and not added.
    "baichuan": Family(_of("LlamaConfig", num_key_value_heads=4), True, "<s>", "</s>", False),
}  # fmt: skip


def make_folder(name: str, folder: Path, texts: list[str]) -> Path:
    """Write a folder as transformers does: config, generation config, weights and tokenizer."""
    family = FAMILIES[name]
    tokenizer = make_tokenizer(family, texts)
    torch.manual_seed(len(name))
    config = family.config()
    config.bos_token_id, config.pad_token_id = tokenizer.bos_token_id, None
    config.eos_token_id = tokenizer.eos_token_id
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(4.0)  # far from uniform, so that a wrong position or token shows
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def end_with(folder: Path, tokens: list[int]) -> None:
    """Let generation_config.json name several end tokens."""
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": tokens}))


def make_tokenizer(family: Family, texts: list[str]) -> Any:
    """Make a tokenizer of characters and their commonest pairs; the same one each time."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    special = [one for one in dict.fromkeys((family.bos, family.eos, *family.more)) if one]
    if family.pieces:
        special = ["<unk>", *special]
        base = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
        words = [f"▁{word}" for text in texts for word in text.split()]
    else:
        base = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
        split = pre_tokenizers.ByteLevel(add_prefix_space=False)
        words = [word for text in texts for word, _ in split.pre_tokenize_str(text)]
    for size in (1, 2):  # characters, then pairs of them
        found = Counter(word[n : n + size] for word in words for n in range(len(word) + 1 - size))
        common = sorted(found, key=lambda one: (-found[one], one))
        known = set(base)
        base += [one for one in common if one not in known and set(one) <= known | {one}][:180]
    vocab = {token: number for number, token in enumerate(base[:VOCAB])}
    merges = [tuple(one) for one in vocab if len(one) == 2 and set(one) <= vocab.keys()]
    raw = Tokenizer(
        models.BPE(vocab, merges, byte_fallback=family.pieces, unk_token="<unk>", fuse_unk=True)
        if family.pieces
        else models.BPE(vocab, merges)
    )
    if family.pieces:
        raw.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        raw.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
             decoders.Strip(" ", 1, 0)]
        )  # fmt: skip
    else:
        raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        raw.decoder = decoders.ByteLevel()
    if family.adds:
        raw.post_processor = processors.TemplateProcessing(
            single=f"{family.bos} $A",
            pair=f"{family.bos} $A {family.bos} $B",
            special_tokens=[(family.bos, vocab[str(family.bos)])],
        )
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token=family.bos, eos_token=family.eos, pad_token=family.eos
    )
    if family.more:
        made.add_special_tokens({"additional_special_tokens": list(family.more)})
    return made


PAIRS = [
    ("Question: How do I open a jar?\nAnswer:", " Turn the lid to the left."),
    ("Question: How do I open a jar?\nAnswer:", " Boil the jar."),
    ("Question: How do I open a jar?\nAnswer: ", "Sing to it."),
    ("下列说法正确的是\n答案：", "光合作用"),
    ("下列说法正确的是\n答案：", "A"),
    ("", "Nothing stands before this. 前面什么也没有。"),
    ("x", "y"),
]
TEXTS = ["Water boils at a hundred degrees. 水的沸点是一百度。", "北京是中国的首都。" * 30, "a"]


@pytest.fixture(scope="module", params=list(FAMILIES))
def family(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> tuple[str, Path]:
    name = request.param
    return name, make_folder(name, tmp_path_factory.mktemp(name), texts)


@pytest.fixture(scope="module")
def theirs(family: tuple[str, Path]) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(family[1]), device="cpu", batch_size=1, dtype="float32")


@lru_cache(maxsize=1)
def exact_model(folder: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)


def in_fp64(folder: Path, tokens: list[int], scored: int) -> list[float]:
    with torch.no_grad():
        logits = (
            exact_model(folder)(torch.tensor([tokens[:-1]])).logits[0, -scored:].log_softmax(-1)
        )
    return [float(row[token]) for row, token in zip(logits, tokens[-scored:], strict=True)]


def asks(pairs: list[tuple[Any, ...]]) -> list[Any]:
    return [SimpleNamespace(args=pair) for pair in pairs]


def test_a_tokenizer_is_of_the_class_that_its_folder_names(
    tmp_path: Path, texts: list[str]
) -> None:
    """A Qwen2 with a SentencePiece vocabulary, for which transformers would take Qwen's class."""
    folder = make_folder("qwen", tmp_path / "model", texts)
    pieces = make_tokenizer(FAMILIES["llama-2"], texts)
    pieces.save_pretrained(folder)
    described = json.loads((folder / "tokenizer_config.json").read_text())
    described["tokenizer_class"] = "PreTrainedTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    tokenizer = open_model(str(folder), "cpu", "float32").tokenizer
    text = "北京是中国的首都。 Water boils."
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert list(tokenizer.encode(text)) == pieces.encode(text)


def test_tokens_are_lm_evals_and_numbers_those_of_fp64(
    family: tuple[str, Path], theirs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, folder = family
    start = FAMILIES[name].bos or FAMILIES[name].eos
    pairs = [*PAIRS, (f"{start}A text that has its own beginning.", " It gets no second one.")]
    asked: dict[str, list[Any]] = {"ours": [], "theirs": []}
    ours = MindLM(open_model(str(folder)))

    def noting(whose: str, of: Any) -> Any:
        inner = of._loglikelihood_tokens

        def note(requests: Any, **options: Any) -> Any:
            asked[whose] = [(list(context), list(rest)) for _, context, rest in requests]
            return inner(requests, **options)

        return note

    for whose, lm in (("ours", ours), ("theirs", theirs)):
        monkeypatch.setattr(lm, "_loglikelihood_tokens", noting(whose, lm))
    found = ours.loglikelihood(asks(pairs))
    expected = theirs.loglikelihood(asks(pairs), disable_tqdm=True)
    assert asked["ours"] == asked["theirs"], "token for token"
    for (total, greedy), (_, their_greedy), (context, rest) in zip(
        found, expected, asked["theirs"], strict=True
    ):
        exact = sum(in_fp64(folder, [*context, *rest], len(rest)))
        assert total == pytest.approx(exact, abs=1e-4)
        assert greedy == bool(their_greedy)
    firsts = {context[0] == ours.model.start_id for context, _ in asked["ours"][:4]}
    assert firsts == {FAMILIES[name].adds}


def test_held_out_text_has_one_first_token_and_ends_with_the_end(family: tuple[str, Path]) -> None:
    name, folder = family
    model = open_model(str(folder))
    assert model.tokenizer.decode([model.start_id]) == "", "a special token"
    for text in (*TEXTS, "", f"{FAMILIES[name].bos or FAMILIES[name].eos}Once is enough."):
        ids = model.document_ids(text)
        assert ids[-1] == model.tokenizer.end_id
        assert ids[:-1].count(model.start_id) == 1 and ids[0] == model.start_id
    short = [TEXTS[0], TEXTS[2]]
    held = measure(model, [{"text": text} for text in short]).as_dict()["all"]
    exact = 0.0
    for text in short:
        ids = model.document_ids(text)
        exact -= sum(in_fp64(folder, ids, len(ids) - 1))
    assert held["nats_per_token"] * held["tokens"] == pytest.approx(exact, abs=1e-4)


def test_writing_ends_at_every_end_token_as_in_lm_eval(
    family: tuple[str, Path], theirs: Any, tmp_path: Path
) -> None:
    from lm_eval.models.huggingface import HFLM

    folder = tmp_path / "folder"
    shutil.copytree(family[1], folder)
    prompts = ["Question: How do I open a jar?\nAnswer:", "下列说法正确的是"]
    options = {"until": [], "max_gen_toks": 24}

    def written(model: Model) -> list[str]:
        lm = MindLM(model)
        return lm.generate_until(asks([(prompt, dict(options)) for prompt in prompts]))

    def of_lm_eval(lm: Any) -> list[str]:
        requests = asks([(prompt, dict(options)) for prompt in prompts])
        return list(lm.generate_until(requests, disable_tqdm=True))

    whole = written(open_model(str(folder)))
    assert whole == of_lm_eval(theirs) and all(whole)
    model = open_model(str(folder))
    prompt = torch.tensor([model.tokenizer.encode(prompts[0])])
    ids = theirs.model.generate(prompt, max_new_tokens=24, do_sample=False)[0, prompt.shape[1] :]
    second = next((token for token in ids.tolist() if token != ids[0]), int(ids[0]))
    end_with(folder, [model.tokenizer.end_id, second])
    ended = open_model(str(folder))
    assert ended.stop_ids >= {model.tokenizer.end_id, second}
    cut = written(ended)
    reloaded = HFLM(pretrained=str(folder), device="cpu", batch_size=1, dtype="float32")
    end = model.tokenizer.decode([second])  # a real one has no text; lm-eval's answers hold this
    for mine, other in zip(cut, of_lm_eval(reloaded), strict=True):
        assert mine == other or mine.rstrip() == other.removesuffix(end).rstrip()
    assert len(cut[0]) < len(whole[0]), "the second end token is met"


def test_a_stop_string_that_is_a_special_token_ends_a_text(
    texts: list[str], tmp_path: Path
) -> None:
    """It has no text of its own, so only its id can be met."""
    model = open_model(str(make_folder("qwen", tmp_path, texts)))
    stop = model.special_id("<|im_end|>")
    assert stop is not None and stop not in model.stop_ids
    assert model.special_id("the") is None and model.special_id("<|no_such|>") is None
    network = model.network
    with torch.no_grad():  # the prompt is followed by that token, whatever else
        network.head.weight[stop] = 0  # type: ignore[attr-defined]
    prompt = tuple(model.plain_ids("下列说法正确的是"))
    hidden, _ = network.hidden(torch.tensor([prompt]), None, False)
    with torch.no_grad():
        network.head.weight[stop] = hidden[0, -1] * 10  # type: ignore[attr-defined]
    for stops, least, most in (((), 1, 8), (("<|im_end|>",), 0, 0)):
        wanted = [GenerationRequest(prompt, stops, 8)]
        (batch,) = generation_plan(wanted, 8192)
        steps: list[int] = []
        Generator(model).write(batch, wanted, lambda steps=steps: steps.append(1))
        assert least < len(steps) <= most + 1


def test_an_end_that_a_tokenizer_adds_is_left_out() -> None:
    class Adding:
        bos_token_id, eos_token_id = 1, 2

        def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
            ids = [ord(c) for c in text]
            return [1, *ids, 2] if add_special_tokens else ids

        def decode(self, ids: list[int]) -> str:
            return "<s>" if ids == [1] else "".join(chr(i) for i in ids)

    tokenizer = FolderTokenizer(Adding(), Path())
    assert tokenizer.encode("ab") == [1, 97, 98]
    assert tokenizer.encode("<s>ab") == [ord(c) for c in "<s>ab"]


def test_a_tokenizer_without_any_end_is_refused() -> None:
    tokenizer = SimpleNamespace(bos_token_id=1, eos_token_id=None)
    with pytest.raises(MindError, match="neither the tokenizer nor config.json"):
        FolderTokenizer(tokenizer, Path())


@pytest.mark.parametrize(
    "config", [_of("CohereConfig", logit_scale=0.25), _of("GraniteConfig", logits_scaling=8.0)]
)
def test_logits_that_are_scaled_are_scaled_here_too(
    config: Callable[[], Any], tmp_path: Path
) -> None:
    from mind_eval.models.huggingface import FolderNetwork
    from mind_eval.scoring import ScoredSequence, score

    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config()).eval()
    tokens = tuple(range(3, 40))
    network = FolderNetwork(model)
    network.check(tmp_path)
    (found,) = score(network, [ScoredSequence(tokens, 30)])
    with torch.no_grad():
        logits = model(torch.tensor([tokens[:-1]])).logits[0, -30:].log_softmax(-1)
    exact = [float(row[token]) for row, token in zip(logits, tokens[-30:], strict=True)]
    assert found.logprobs == pytest.approx(exact, abs=1e-5)
    model.config.logit_scale = 3.0
    with pytest.raises(MindError, match="in a way that is not known"):
        network.check(tmp_path)
