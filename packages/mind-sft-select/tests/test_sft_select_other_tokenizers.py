"""Scores under a folder of transformers whose tokenizer adds a first token equal transformers'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mind_sft_select.scoring.answer_model import AnswerModel
from mind_sft_select.scoring.templates import ConversationTemplate

transformers = pytest.importorskip("transformers")

QUESTION, ANSWER = "What boils?</s>水", " Water</s> boils. 水"
TALK = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a Llama with random weights and a tokenizer of bytes that adds `<s>`, as Llama's do."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    made = tmp_path_factory.mktemp("llama")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = ["<s>", "</s>", *alphabet]
    raw = Tokenizer(models.BPE({name: number for number, name in enumerate(names)}, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>"
    ).save_pretrained(made)
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=len(names), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=128, bos_token_id=0, eos_token_id=1,
        )
    )  # fmt: skip
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(4.0 if p.ndim > 1 else 1.0)  # far from uniform, so that a wrong token shows
    model.save_pretrained(made)
    return made


@pytest.mark.parametrize("name", ["text", "plain"])
def test_scores_are_those_of_transformers(folder: Path, name: str) -> None:
    from mind_eval.models.model import open_model

    model = open_model(str(folder))
    template = ConversationTemplate(model.tokenizer, name)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer("a")["input_ids"][0] == 0, "it adds a first token by itself"
    pieces = {"text": (f"User: {QUESTION}\n\nAssistant:", f" {ANSWER}"),
              "plain": (f"{QUESTION}\n", ANSWER)}[name]  # fmt: skip
    asked, answered = (
        # Bytes, each a token of its own: no text makes `<s>` or `</s>`.
        tokenizer.convert_tokens_to_ids(raw)
        for raw in map(spelt, pieces)
    )
    whole = [1, *asked, *answered, 1]
    (chat,) = template.encode([TALK])
    assert chat.ids == whole
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        nats = -theirs(torch.tensor([whole])).logits[0].log_softmax(-1)
    places = range(1 + len(asked), len(whole) - 1)
    expected = sum(float(nats[place - 1, whole[place]]) for place in places)
    (sums,) = AnswerModel(model, template)([TALK])
    assert sums is not None
    assert sums.turns[0].tokens == len(answered)
    assert sums.turns[0].nats == pytest.approx(expected, rel=1e-4)
    (alone,) = AnswerModel(model, template).texts([ANSWER])
    assert alone.tokens == len(spelt(ANSWER))


def spelt(text: str) -> list[str]:
    """Spell a text in the characters that stand for bytes in a byte-level vocabulary."""
    from tokenizers import pre_tokenizers

    words = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    return list("".join(word for word, _ in words))
