"""A Hugging Face folder is read by mind-train where it can be, else by transformers: the same."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_core.errors import MindError, UsageError
from mind_eval.models.mind_network import MindNetwork
from mind_eval.models.model import open_model
from mind_eval.scoring import PrefixScorer, ScoredSequence, score

transformers = pytest.importorskip("transformers")


def theirs(folder: Path) -> Any:
    from mind_eval.models.huggingface import FolderNetwork

    return FolderNetwork(transformers.AutoModelForCausalLM.from_pretrained(folder).eval())


def test_branches_behind_prefix_and_windows_score_as_in_transformers(gpt_neo_folder: Path) -> None:
    chance = random.Random(2)

    def draw(least: int, most: int) -> tuple[int, ...]:
        return tuple(chance.randrange(1500) for _ in range(chance.randint(least, most)))

    asked = []
    for subject in (draw(150, 150), draw(40, 40)):  # behind the window of 64, and within it
        for _ in range(5):
            question = draw(1, 90)
            for _ in range(4):
                ending = draw(1, 70)
                asked.append(ScoredSequence((*subject, *question, *ending), len(ending)))
    asked.append(ScoredSequence(draw(300, 300), 250))
    ours = open_model(str(gpt_neo_folder)).network
    assert isinstance(ours, MindNetwork) and ours.packs
    network = theirs(gpt_neo_folder)
    assert not network.packs
    with torch.inference_mode():
        for one, packed, padded in zip(
            asked, score(ours, asked), score(network, asked, batch_tokens=900), strict=True
        ):
            logits = network.model(torch.tensor([one.tokens[:-1]])).logits[0].log_softmax(-1)
            wanted = torch.tensor(one.tokens[-one.scored :])
            plain = logits[-one.scored :].gather(1, wanted[:, None])[:, 0]
            assert packed.logprobs == pytest.approx(plain.tolist(), abs=2e-5)
            assert padded.logprobs == pytest.approx(plain.tolist(), abs=2e-5)


def test_packed_rows_have_no_padding(gpt_neo_folder: Path) -> None:
    from mind_eval.batching import plan

    network = open_model(str(gpt_neo_folder)).network
    asked = [ScoredSequence(tuple(range(3, 3 + size)), 2) for size in (300, 40, 41, 90)]
    scorer = PrefixScorer(network)
    units = plan(asked, 8192)
    for unit in units:
        scorer.answer(unit, asked)
    assert scorer.tokens == sum(unit.cost + len(unit.prefix) for unit in units)


def test_an_unusual_variant_is_left_to_transformers(gpt_neo_folder: Path, tmp_path: Path) -> None:
    config = transformers.GPTNeoConfig(
        vocab_size=1500, hidden_size=32, num_layers=2, num_heads=2, intermediate_size=64,
        attention_types=[[["local"], 2]], window_size=8, max_position_embeddings=64,
    )  # fmt: skip
    transformers.GPTNeoForCausalLM(config).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(gpt_neo_folder).save_pretrained(tmp_path)
    model = open_model(str(tmp_path))
    assert not isinstance(model.network, MindNetwork)
    assert (model.context, model.about["architecture"]) == (64, "gpt_neo")


def test_a_bfloat16_folder_scores_near_fp32(gpt_neo_folder: Path) -> None:
    asked = [ScoredSequence(tuple(range(5, 200)), 20)] * 2 + [
        ScoredSequence((*range(5, 190), 7, 8), 2)
    ]
    exact = score(open_model(str(gpt_neo_folder)).network, asked)
    rough = score(open_model(str(gpt_neo_folder), dtype="bfloat16").network, asked)
    for one, other in zip(exact, rough, strict=True):
        assert other.logprobs == pytest.approx(one.logprobs, abs=0.5)
        assert other.logprobs != one.logprobs


def test_rows_of_several_lengths_write_what_transformers_writes(gpt_neo_folder: Path) -> None:
    from mind_eval.generation import GenerationRequest, Generator, generation_plan

    model = open_model(str(gpt_neo_folder))
    chance = random.Random(3)
    shots = tuple(chance.randrange(1, 1500) for _ in range(100))  # behind the window of 64
    prompts = [
        (*shots, *(chance.randrange(1, 1500) for _ in range(chance.randint(1, 60))))
        for _ in range(7)
    ]
    prompts.append(prompts[0][:30])
    longest = tuple(chance.randrange(1, 1500) for _ in range(500))  # the context ends at 512
    wanted = [GenerationRequest(prompt, (), 40 + n) for n, prompt in enumerate([*prompts, longest])]
    batches = generation_plan(wanted, 8192, packs=True)
    assert max(len({len(wanted[i].tokens) for i in b.members}) for b in batches) > 3
    writer, written = Generator(model), {}
    for batch in batches:
        written |= dict(writer.write(batch, wanted))
    network = theirs(gpt_neo_folder)
    for number, one in enumerate(wanted):
        with torch.inference_mode():
            found = network.model.generate(
                torch.tensor([one.tokens]), do_sample=False, pad_token_id=0,
                max_new_tokens=min(one.limit, 512 - len(one.tokens)),
            )[0, len(one.tokens) :]  # fmt: skip
        assert written[number] == model.tokenizer.decode(found.tolist())
    assert len({len(text) for text in written.values()}) > 3


def test_a_stop_string_over_several_tokens_ends_a_row(gpt_neo_folder: Path) -> None:
    from mind_eval.generation import GenerationRequest, Generator, generation_plan

    model = open_model(str(gpt_neo_folder))
    prompts = [tuple(range(9, 30)), tuple(range(40, 55))]

    def write(stops: tuple[str, ...]) -> tuple[list[str], int]:
        wanted = [GenerationRequest(prompt, stops, 60) for prompt in prompts]
        steps = []
        (batch,) = generation_plan(wanted, 8192, packs=True)
        found = dict(Generator(model).write(batch, wanted, lambda: steps.append(1)))
        return [found[n] for n in range(len(prompts))], len(steps)

    whole, steps = write(())
    assert steps == 60
    ends = [(text[len(text) // 3 :][:9]) for text in whole]
    cut, steps = write(tuple(ends))
    for before, after, end in zip(whole, cut, ends, strict=True):
        assert after == before[: before.find(end)] or any(
            after == before[: before.find(other)] for other in ends if other in before
        )
    assert steps < 60


@pytest.mark.parametrize("causal", [True, False])
def test_attention_written_out_is_the_kernels(causal: bool) -> None:
    from mind_eval.models.partial_attention import hiding, partial_attention, written_out

    torch.manual_seed(0)
    q, k, v = torch.randn(2, 3, 20, 16), torch.randn(2, 3, 20, 16), torch.randn(2, 3, 20, 16)
    mask = None if causal else hiding(torch.rand(2, 1, 20, 20) < 0.3, q)
    mixed, total = partial_attention(q, k, v, None, mask, causal=causal)
    plain, sums = written_out(q, k, v, 0.25, mask, causal=causal)
    assert torch.allclose(mixed, plain, atol=1e-5) and torch.allclose(total, sums, rtol=1e-5)


def test_an_exported_checkpoint_scores_as_the_checkpoint(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mind_train.components import load_plugins
    from mind_train.export.folder import export

    export(model_folder, tmp_path / "exported", load_plugins())
    exported, checkpoint = open_model(str(tmp_path / "exported")), open_model(str(model_folder))
    assert "custom code" not in capsys.readouterr().out, "nobody is asked anything"
    text = "Question: how do I open a jar? 下列说法正确的是"
    ids = checkpoint.tokenizer.encode(text)
    assert exported.tokenizer.encode(text) == ids
    asked = [ScoredSequence(tuple(ids), len(ids) - 1)]
    ours, theirs = (score(model.network, asked)[0].logprobs for model in (checkpoint, exported))
    assert ours == theirs
    assert exported.context == checkpoint.context


def test_damaged_folders_and_devices_that_are_not_here_are_told(
    gpt_neo_folder: Path, tmp_path: Path
) -> None:
    for name, size in (("model.safetensors", 2000), ("tokenizer.json", 300)):
        folder = tmp_path / name
        shutil.copytree(gpt_neo_folder, folder)
        with (folder / name).open("r+b") as file:
            file.truncate(size)
        with pytest.raises(MindError, match="cannot be (loaded|read)") as error:
            open_model(str(folder))
        assert error.value.cause and name in f"{error.value.message} {error.value.hint}"
    with pytest.raises(UsageError, match="'abacus' is no device"):
        open_model(str(gpt_neo_folder), "abacus")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="torch sees no GPU"):
            open_model(str(gpt_neo_folder), "cuda")
