"""A Hugging Face folder to begin from: what it says, its tokenizer, and its weights."""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mind_core import MindError
from mind_core.files import MANIFEST, read_json, sha256_file
from mind_core.special_tokens import END
from mind_core.untrusted import check_links
from mind_core.whole_files import MAX_BYTES, read_whole
from mind_tok.huggingface import HuggingFaceTokenizer
from mind_tok.tokenizer_bounds import check_tokenizer
from mind_train.huggingface.fetching import refuse_fetching
from mind_train.huggingface.model import HuggingFaceConfig, HuggingFaceModel, imported
from mind_train.loss import row_losses
from mind_train.tensor_file import check_sizes

CONFIG = "config.json"
ARCHITECTURE = "huggingface"
TEXTS = ("tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
         "chat_template.jinja")  # fmt: skip
TOKENIZER_CONFIG, TOKENIZER_FILE = "tokenizer_config.json", "tokenizer.json"
PLAIN = ("PreTrainedTokenizerFast", "TokenizersBackend")
LONGEST = 2048  # tokens of a row where the recipe says nothing; contexts are 100,000 today
ABOVE = 1e-3  # nats: what two ways of computing one loss may differ by in fp32


def is_folder(path: Path) -> bool:
    """Tell whether a path is a Hugging Face folder, and not one of our runs or checkpoints."""
    return (path / CONFIG).is_file() and not (path / MANIFEST).is_file()


def read_config(folder: Path, lora_rank: int = 0, lora_alpha: float = 16.0) -> HuggingFaceConfig:
    """Read what a folder says, without its weights.

    Raises MindError for what is no causal model of transformers, or would need code of its own.
    """
    transformers = imported("transformers")
    check_links(folder)
    fields = read_json(folder / CONFIG)
    refuse_fetching(folder, fields)
    if not isinstance(fields, dict) or not isinstance(fields.get("model_type"), str):
        raise MindError(f"{folder / CONFIG} names no model_type", hint="fetch the folder again")
    # Its name is ours: our own code reads, trains and exports it.
    if fields["model_type"] in ("mindllm",):
        raise MindError(
            f"{folder} is a mindllm, which is trained by itself",
            hint=f"mind-train import {folder} -t {folder / 'tokenizer'} -o start",
        )
    if weights := sorted(folder.glob("*.safetensors")):
        check_sizes(fields, weights, folder / CONFIG)
    try:
        config = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        known = transformers.AutoModelForCausalLM._model_mapping
        kind = known[type(config)]
    except (KeyError, ValueError, OSError) as error:
        own = "auto_map" in fields
        raise MindError(
            f"{folder} holds a {fields['model_type']!r}, which is no causal model of this "
            "transformers",
            cause="it brings Python of its own, which is not run" if own else error,
            hint="a newer transformers may know it",
        ) from None
    kind = kind[0] if isinstance(kind, tuple) else kind
    files = {n: read_whole(folder / n).decode("utf-8") for n in TEXTS if (folder / n).is_file()}
    # use_diff=False writes defaults too, which another version of transformers may change.
    described = json.loads(config.to_json_string(use_diff=False))
    described["architectures"] = [kind.__name__]
    # A path of the machine that wrote it.
    described.pop("_name_or_path", None)
    lengths = ("max_position_embeddings", "n_positions", "seq_length")
    found = [n for name in lengths if isinstance(n := getattr(config, name, None), int)]
    return HuggingFaceConfig(
        described=json.dumps(described, sort_keys=True),
        vocab=int(config.vocab_size),
        context=found[0] if found else LONGEST,
        attention="sdpa" if getattr(kind, "_supports_sdpa", False) else "eager",
        lora_rank=lora_rank,
        lora_alpha=lora_alpha,
        files=json.dumps(files, sort_keys=True),
    )


def with_template(config: HuggingFaceConfig, template: str) -> HuggingFaceConfig:
    """Let the exported folder carry the template that a run was trained with."""
    return replace(
        config, files=json.dumps(json.loads(config.files) | {"chat_template.jinja": template})
    )


def packs(config: HuggingFaceConfig, sequence: int) -> bool:
    """Tell whether conversations can share a row: positions are given, no window is shorter."""
    theirs = config.theirs()
    kind = imported("transformers").AutoModel._model_mapping[type(theirs)]
    kind = kind[0] if isinstance(kind, tuple) else kind
    window = getattr(theirs, "sliding_window", None)
    used = getattr(theirs, "use_sliding_window", True)
    short = isinstance(window, int) and used and window < sequence
    # Rows of several documents need positions that restart, and no window that spans two of them.
    return "position_ids" in inspect.signature(kind.forward).parameters and not short


def fingerprint(folder: Path) -> str:
    """Hash what a run begins from: config and weights."""
    digest = hashlib.sha256()
    files = [folder / CONFIG, *sorted(folder.glob("*.safetensors"))]
    if len(files) == 1:
        pickled = any(folder.glob("pytorch_model*.bin"))
        raise MindError(
            f"{folder} has no model.safetensors",
            cause="the weights are a pickle, which could run anything" if pickled else None,
            hint="save it with safetensors: model.save_pretrained(folder)",
        )
    for path in files:
        # Names too: the same bytes under two names are two folders.
        digest.update(f"{path.name} {sha256_file(path)}\n".encode())
    return digest.hexdigest()


def read_tokenizer(folder: Path) -> tuple[Any, HuggingFaceTokenizer]:
    """Give transformers' tokenizer of a folder, and the same as ours, which shards carry.

    Raises MindError for one without a fast form or without an end token.
    """
    try:
        theirs = tokenizer_loader(folder).from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        data = theirs.backend_tokenizer.to_str().encode()
    except Exception as error:  # the libraries raise what they like for a damaged file
        raise MindError(
            f"{folder} has no tokenizer that can be read", cause=error,
            hint="tokenizer.json and tokenizer_config.json have to be there and whole",
        ) from None  # fmt: skip
    end = theirs.eos_token_id
    if end is None:
        raise MindError(
            f"the tokenizer of {folder} names no eos_token", hint="add it to tokenizer_config.json"
        )
    ours = HuggingFaceTokenizer(data, {})
    # Its end token is ours, whatever it is called there.
    ours.special_ids = {**ours.special_ids, END: int(end)}
    ours.manifest["special_tokens"] = ours.special_ids
    return theirs, ours


def tokenizer_loader(folder: Path) -> Any:
    """Return the class of transformers that reads a folder's tokenizer as it was saved."""
    transformers = imported("transformers")
    if (folder / TOKENIZER_FILE).is_file():
        check_tokenizer(read_json(folder / TOKENIZER_FILE, MAX_BYTES))
    path = folder / TOKENIZER_CONFIG
    described = read_json(path) if path.is_file() else None
    if isinstance(described, dict) and described.get("tokenizer_class") in PLAIN:
        # AutoTokenizer takes the class of the model's family instead, which may read another text.
        return transformers.PreTrainedTokenizerFast
    return transformers.AutoTokenizer


def load_weights(model: HuggingFaceModel, folder: Path) -> None:
    """Copy a folder's weights into a model that was built of its config, and check the contract."""
    transformers = imported("transformers")
    try:
        source = transformers.AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True,
            dtype=torch.float32, attn_implementation=model.config.attention,
        )  # fmt: skip
    except Exception as error:
        raise MindError(
            f"the weights of {folder} cannot be read", cause=error, hint="fetch it again"
        ) from None
    theirs = dict(source.named_parameters())
    with torch.no_grad():
        for name, p in model.inner.named_parameters():
            if ".lora_" in name:
                continue
            # With LoRA peft puts the original layer below `base_layer`.
            p.copy_(theirs.pop(name.replace(".base_layer.", ".")))
    if theirs:
        raise MindError(f"{folder}: {sorted(theirs)[0]} has no place", hint="fetch it again")


@torch.no_grad()
def check_contract(model: HuggingFaceModel, packed: bool) -> None:
    """Raise MindError where the head is more than a matrix, or a row's documents see each other."""
    training, device = model.training, model.device
    model.eval()
    chance = torch.Generator().manual_seed(0)
    ids = torch.randint(model.config.vocab, (1, 24), generator=chance).to(device)
    whole = model(ids)
    wanted = model.inner(input_ids=ids, use_cache=False).logits.log_softmax(-1)
    losses = -wanted[:, :-1].gather(2, ids[:, 1:, None]).flatten()
    ours = row_losses(whole[0, :-1], model.head, ids[0, 1:])
    if not _near(ours, losses):
        raise MindError(
            f"the scores of a {model.inner.config.model_type} are not a product with its head",  # type: ignore[union-attr]
            cause="it scales or caps them, or its head has a bias",
            hint="such a family cannot be tuned here; trl can",
        )
    if packed:
        # Two documents in one row, of 10 and 14 tokens; each has to read as if it stood alone.
        documents = (torch.arange(24, device=device) >= 10).long()[None]
        together = model(ids, documents)
        apart = torch.cat((model(ids[:, :10]), model(ids[:, 10:])), dim=1)
        pairs = [row_losses(h[0, :-1], model.head, ids[0, 1:]) for h in (together, apart)]
        if not _near(*pairs):
            raise MindError(
                f"conversations in one row of a {model.inner.config.model_type} see each other",  # type: ignore[union-attr]
                hint="--set train.document_mask=false gives each a row of its own",
            )
    model.train(training)


def _near(a: Tensor, b: Tensor) -> bool:
    return bool(((a.float() - b.float()).abs() < ABOVE).all())
