"""The contract, and equality with transformers both ways, with weights that look at the context."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from mind_architecture_llama.config import LlamaConfig
from tokenizers import Tokenizer as Words
from tokenizers import decoders, models, pre_tokenizers, trainers

from mind_core import MindError
from mind_core.testing import check_architecture, run_tool
from mind_train.checkpoint import load_checkpoint
from mind_train.components import load_plugins
from mind_train.export.folder import export, import_folder
from mind_train.flops import flops
from mind_train.models.bare_model import build_bare

transformers = pytest.importorskip("transformers")

PLUGIN = Path(__file__).parents[1] / "src" / "mind_architecture_llama" / "__init__.py"
SIZES: dict[str, Any] = {"dim": 32, "layers": 2, "heads": 4, "kv_heads": 2, "ffn_dim": 48}
TEXTS = [
    "Still waters run deep.",
    "学而时习之，不亦说乎？",
    "千里之行，始于足下。",
    "All that glitters is not gold.",
]
THEIRS: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 96,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
}  # fmt: skip
LINEAR = {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"tie_word_embeddings": False}),
    "llama-biased": ("Llama", {"attention_bias": True, "head_dim": 16, "num_key_value_heads": 1}),
    "llama3": ("Llama", {"tie_word_embeddings": True, "rope_parameters": LLAMA3}),
    "linear": ("Llama", {"rope_parameters": LINEAR}),
    "qwen2": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {"head_dim": 16, "tie_word_embeddings": False}),
}  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [{}, {"tied": False, "qkv_bias": True}, {"qk_norm": True, "head_dim": 12, "kv_heads": 1},
     {"rope_type": "llama3", "rope_factor": 8.0, "rope_original": 16}],
)  # fmt: skip
def test_it_keeps_the_contract(more: dict[str, Any]) -> None:
    check_architecture(LlamaConfig, **{**SIZES, **more})


def make_folder(folder: Path, family: str) -> Any:
    """Save a random model of transformers as others ship theirs, its tokenizer beside it."""
    words = Words(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    words.train_from_iterator(TEXTS * 3, trainer)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        chat_template="{% for m in messages %}{{ m['content'] }}<|im_end|>{% endfor %}",
    )  # fmt: skip
    fast.save_pretrained(folder)
    name, changes = FAMILIES[family]
    config = getattr(transformers, f"{name}Config")(
        vocab_size=len(fast) + 3, **{**THEIRS, "eos_token_id": fast.eos_token_id, **changes}
    )
    torch.manual_seed(3)
    model = getattr(transformers, f"{name}ForCausalLM")(config).eval()
    with torch.no_grad():
        for p in model.parameters():  # far from zero: attention looks somewhere, gains are real
            p.add_(torch.randn_like(p) * (0.3 if p.ndim > 1 else 0.2))
    model.save_pretrained(folder)
    return model


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("usual") / "hf"
    make_folder(folder, "llama")
    return folder


@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_folder_comes_in_and_goes_out_with_the_same_scores(family: str, tmp_path: Path) -> None:
    theirs = make_folder(tmp_path / "hf", family)
    plugins = load_plugins([PLUGIN])
    import_folder(tmp_path / "hf", None, tmp_path / "run", None, plugins)
    checkpoint = load_checkpoint(tmp_path / "run", plugins=plugins)
    ours = checkpoint.model
    fast = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    assert checkpoint.tokenizer.end_id == fast.eos_token_id
    for text in TEXTS:
        assert checkpoint.tokenizer.encode(text) == fast(text)["input_ids"]
    ids = torch.randint(0, theirs.config.vocab_size, (2, 80))
    with torch.no_grad():
        want, got = theirs(ids).logits, ours.logits(ours(ids))
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5 * float(want.abs().max()))
        other = theirs(ids.roll(1, 1)).logits[:, -1]  # the same tokens in another order
        assert not torch.allclose(want[:, -1], other, atol=1e-2), "scores do not see the context"
        cache = ours.new_cache(2, 80)
        parts = [
            ours(ids[:, :50], cache=cache),
            *(ours(t, cache=cache) for t in ids[:, 50:].split(1, 1)),
        ]
        cached = ours.logits(torch.cat(parts, 1))
        torch.testing.assert_close(cached, want, rtol=1e-5, atol=1e-5 * float(want.abs().max()))
    export(tmp_path / "run", tmp_path / "out", plugins)
    back = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    assert type(back) is type(theirs)
    for name, p in theirs.state_dict().items():
        assert torch.equal(back.state_dict()[name], p), name
    words = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert words.get_vocab() == fast.get_vocab() and words.eos_token == "<|im_end|>"
    assert words.chat_template == fast.chat_template and words.pad_token == "<|endoftext|>"
    batch = words(TEXTS, return_tensors="pt", padding=True, padding_side="left")
    with torch.no_grad():
        padded = back(**batch, position_ids=(batch["attention_mask"].cumsum(1) - 1).clamp(0)).logits
        for row, text in enumerate(TEXTS):
            one = torch.tensor([checkpoint.tokenizer.encode(text)])
            alone = ours.logits(ours(one))[0]
            last = padded[row, -one.shape[1] :]
            torch.testing.assert_close(last, alone, rtol=1e-5, atol=1e-5 * float(alone.abs().max()))
    new = back.generate(ids[:1, :9], max_new_tokens=9, do_sample=False, eos_token_id=-1)
    want_ids = ids[:1, :9]
    with torch.no_grad():
        for _ in range(9):
            want_ids = torch.cat((want_ids, ours.logits(ours(want_ids)[:, -1:]).argmax(-1)), 1)
    assert torch.equal(new, want_ids)


@pytest.mark.parametrize("family", ["llama3", "qwen2"])
def test_mind_eval_scores_the_checkpoint_and_the_folder_alike(family: str, tmp_path: Path) -> None:
    """Choices behind shared prompts, and answers written on: packed and from a cache in ours."""
    pytest.importorskip("mind_eval")
    from mind_eval.generation import GenerationBatch, GenerationRequest, Generator
    from mind_eval.models.model import mind_model, open_model
    from mind_eval.scoring import ScoredSequence, score

    make_folder(tmp_path / "hf", family)
    plugins = load_plugins([PLUGIN])
    import_folder(tmp_path / "hf", None, tmp_path / "run", None, plugins)
    theirs = open_model(str(tmp_path / "hf"))
    ours = mind_model(load_checkpoint(tmp_path / "run", plugins=plugins), "run")
    draw = torch.Generator().manual_seed(0)

    def some(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(300, (count,), generator=draw).tolist())

    shots = some(30)
    prompts = [shots + some(n) for n in (3, 9, 9, 14)]
    sequences = [ScoredSequence(p + (tail := some(4)), len(tail)) for p in prompts * 2]
    mine, other = (score(model.network, sequences) for model in (ours, theirs))
    for one, two in zip(mine, other, strict=True):
        assert one.logprobs == pytest.approx(two.logprobs, rel=1e-4, abs=1e-4)
    asked = [GenerationRequest(prompt, (), 6) for prompt in prompts[1:3]]
    batch = GenerationBatch(shots, (0, 1))
    assert list(Generator(ours).write(batch, asked)) == list(Generator(theirs).write(batch, asked))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"hidden_act": "gelu"}, "hidden_act"), ({"mlp_bias": True}, "mlp_bias"),
     ({"use_sliding_window": True}, "use_sliding_window"),
     ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "rotary"),
     ({"model_type": "gemma"}, "gemma"), ({"num_hidden_layers": 4}, "layers.3"),
     ({"num_hidden_layers": 1e308}, "more layers than"),
     ({"quantization_config": {"bits": 4}}, "quantization")],
)  # fmt: skip
def test_variants_are_refused_by_name(
    change: dict[str, Any], words: str, usual: Path, tmp_path: Path
) -> None:
    shutil.copytree(usual, tmp_path / "hf")
    path = tmp_path / "hf" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(MindError) as caught:
        import_folder(tmp_path / "hf", None, tmp_path / "run", None, load_plugins([PLUGIN]))
    assert words in str(caught.value) + str(caught.value.cause) and caught.value.hint
    assert not (tmp_path / "run").exists()


def test_it_goes_on_by_the_command_line(tmp_path: Path) -> None:
    """Import, pretrain --from, sample, export: as a user types them."""
    make_folder(tmp_path / "hf", "qwen3")
    (tmp_path / "text.jsonl").write_text(
        "".join(json.dumps({"id": str(i), "text": TEXTS[i % 4] * 3}) + "\n" for i in range(40))
    )

    def call(*arguments: str) -> str:
        path = os.pathsep.join((str(PLUGIN.parents[1]), os.environ.get("PYTHONPATH", "")))
        given = [*arguments, "--plugin", str(PLUGIN)]
        done = run_tool("mind-train", given, folder=tmp_path, environment={"PYTHONPATH": path})
        assert done.code == 0, done.stderr
        return done.stdout.decode()

    call("import", "hf", "-o", "start")
    words = "start/checkpoints/step-00000000/tokenizer"
    sizes = [f"--set=train.{size}" for size in ("steps=2", "batch=2", "sequence=32")]
    call(
        "pretrain",
        "text.jsonl",
        "-t",
        words,
        "--from",
        "start",
        "-o",
        "run",
        "--cache",
        "c",
        *sizes,
    )
    assert call("sample", "run", "Still", "--max-new", "3").startswith("Still")
    call("export", "run", "-o", "out")
    assert transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out").config.head_dim == 16


def test_an_imported_model_is_talked_to_by_its_own_template(tmp_path: Path) -> None:
    """The ids before an answer are transformers', and the token that ends answers ends them."""
    from mind_eval.models.model import mind_model
    from mind_train.chat_prompt import chat_prompts

    make_folder(tmp_path / "hf", "qwen3")
    chatml = (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    words = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    words.chat_template, words.eos_token = chatml, "<|endoftext|>"
    words.save_pretrained(tmp_path / "hf")
    plugins = load_plugins([PLUGIN])
    import_folder(tmp_path / "hf", None, tmp_path / "run", None, plugins)
    checkpoint = load_checkpoint(tmp_path / "run", plugins=plugins)
    prompts = chat_prompts(checkpoint)
    talk = [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "学而时习之？"},
        {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Why?"},
    ]  # fmt: skip
    wanted = words.apply_chat_template(talk, add_generation_prompt=True, return_dict=True)
    assert prompts.encode(talk) == wanted["input_ids"]
    by_name = words.convert_tokens_to_ids
    assert {by_name("<|endoftext|>"), by_name("<|im_end|>")} <= prompts.end_ids
    chat = mind_model(checkpoint).chat
    assert chat is not None and chat.encode is not None
    assert list(chat.encode([(m["role"], m["content"]) for m in talk])) == wanted["input_ids"]
    with pytest.raises(MindError, match="control token"):
        prompts.encode([{"role": "user", "content": "hello<|im_end|>"}])


def test_flops_count_all_heads() -> None:
    """12 · heads · head_dim for each key and token: twice dim in Qwen3's 0.6B, dim elsewhere."""
    for preset, width in (("qwen3-0.6b", 2048), ("llama-3.2-1b", 2048), ("smollm2-135m", 576)):
        model = build_bare(LlamaConfig(vocab=1000, **LlamaConfig.presets[preset]))
        counted, layers = flops(model, 64), len(model.keys_seen(64))
        assert counted.full - counted.weights == 12 * width * 64 * layers
