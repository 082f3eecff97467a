"""A Hugging Face folder on this disk as a network and a tokenizer; transformers is an extra."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mind_core import MindError
from mind_core.files import read_json
from mind_core.untrusted import check_links
from mind_core.whole_files import read_whole
from mind_eval.batching import Ids
from mind_eval.models.chat_formats import ChatFormat, template_of
from mind_eval.models.folder_weights import WEIGHTS, no_weights, stop_ids
from mind_eval.models.mind_network import MindNetwork
from mind_eval.models.network import Network, Past, Stream
from mind_eval.output_layer import Head
from mind_train.export.folder import TYPES, read_model
from mind_train.huggingface.fetching import refuse_fetching
from mind_train.huggingface.folder import tokenizer_loader
from mind_train.models.language_model import LanguageModel
from mind_train.tensor_file import check_sizes

OURS = "mindllm"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
)


class FolderNetwork(Network):
    """A causal model of transformers."""

    def __init__(self, model: Any) -> None:
        self.model, self.base = model, model.base_model

    @property
    def head(self) -> Head:
        """Give the output layer."""
        layer = self.model.get_output_embeddings()
        bias, config = getattr(layer, "bias", None), self.model.config
        return Head(
            layer.weight.detach(),
            None if bias is None else bias.detach(),
            getattr(config, "final_logit_softcapping", None),
            (getattr(config, "logit_scale", 0) or 1.0)
            / (getattr(config, "logits_scaling", 0) or 1.0),
        )

    @torch.inference_mode()
    def check(self, folder: Path) -> None:
        """Raise `MindError` if the model makes its logits in a way that is not known here."""
        # Any tokens will do: a bias, a scale or a cap would show at all of them.
        ids = torch.arange(8)[None].to(self.model.device)
        theirs = self.model(input_ids=ids, use_cache=False).logits[0].float()
        ours = self.head.logits(self.hidden(ids, None, False)[0][0])
        # Wide, as low precision rounds: looked for is another way to make logits, not the last
        # digits.
        if not torch.allclose(ours, theirs, atol=0.05 * float(theirs.abs().max())):
            raise MindError(
                f"{folder}: {type(self.model).__name__} makes logits in a way that is not known",
                cause=f"they differ by up to {float((ours - theirs).abs().max()):.3g}",
                hint="please report the architecture",
            )

    def hidden(self, ids: Tensor, past: Past | None, keep: bool) -> tuple[Tensor, Past | None]:
        """Read ids [B, T] after `past`; see `Network`."""
        start = past.length if past is not None else 0
        cache: Any = _cache(past, len(ids)) if past is not None or keep else None
        hidden = _read(self.base, ids.to(self.model.device), start, cache)
        if not keep:
            return hidden, None
        return hidden, Past(
            tuple(layer.keys for layer in cache.layers),
            tuple(layer.values for layer in cache.layers),
        )

    def begin(
        self,
        prompts: Sequence[Ids],
        past: Past | None,
        room: int,  # noqa: ARG002
    ) -> tuple[Stream, Tensor]:
        """Read prompts after `past`, to be written on; see `Network`."""
        start = past.length if past is not None else 0
        stream = _FolderStream(self.base, _cache(past, len(prompts)), start)
        return stream, stream.read(torch.tensor(prompts))


class _FolderStream(Stream):
    def __init__(self, base: Any, cache: Any, length: int) -> None:
        self.base, self.cache, self.length = base, cache, length

    def read(self, ids: Tensor) -> Tensor:
        hidden = _read(self.base, ids.to(self.base.device), self.length, self.cache)
        self.length += ids.shape[1]
        return hidden[:, -1]

    def step(self, tokens: Sequence[int]) -> Tensor:
        return self.read(torch.tensor(tokens)[:, None])

    def keep(self, rows: Tensor) -> None:
        self.cache.batch_select_indices(rows)


def _cache(past: Past | None, rows: int) -> Any:
    cache = import_module("transformers").DynamicCache()
    if past is not None:
        for layer, (k, v) in enumerate(zip(past.keys, past.values, strict=True)):
            # The past is of one row: it is laid out for all rows without a copy of it.
            cache.update(k.expand(rows, -1, -1, -1), v.expand(rows, -1, -1, -1), layer)
    return cache


def _read(base: Any, ids: Tensor, start: int, cache: Any) -> Tensor:
    positions = torch.arange(start, start + ids.shape[1], device=ids.device)
    # transformers renames the argument, model by model.
    named = "cache" if "cache" in signature(base.forward).parameters else "past_key_values"
    out = base(
        input_ids=ids,
        **{named: cache},
        position_ids=positions[None].expand(len(ids), -1),
        use_cache=cache is not None,
    )
    hidden: Tensor = out.last_hidden_state
    return hidden


class FolderTokenizer:
    """A tokenizer of transformers, with the tokens that it adds in front of a text by itself."""

    def __init__(self, tokenizer: Any, folder: Path, end_id: int | None = None) -> None:
        """Take a loaded tokenizer; `end_id` is the model's end, for a tokenizer without one.

        Raises `MindError` if neither has an end.
        """
        self.tokenizer = tokenizer
        end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else end_id
        if end is None:
            raise MindError(
                f"{folder}: neither the tokenizer nor config.json names an end token",
                hint="name eos_token in tokenizer_config.json",
            )
        self.end_id = int(end)
        first = tokenizer.bos_token_id
        self.start_id = int(first) if first is not None else self.end_id
        found = [folder / name for name in TOKENIZER_FILES if (folder / name).is_file()]
        self.sha256 = hashlib.sha256(b"".join(read_whole(path) for path in found)).hexdigest()
        self._start = tokenizer.decode([self.start_id])
        plain = self.plain("a")
        added = list(tokenizer.encode("a"))
        places = range(len(added) - len(plain) + 1)
        # Where the text stands in what the tokenizer makes of it: what comes behind is an end.
        at = next((n for n in places if added[n : n + len(plain)] == plain), 0)
        self._behind = len(added) - len(plain) - at if at + len(plain) <= len(added) else 0

    @property
    def vocab_size(self) -> int:
        """Count the entries, added ones too."""
        return len(self.tokenizer)

    def plain(self, text: str) -> list[int]:
        """Encode a text without any token of the tokenizer's own."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def encode(self, text: str) -> list[int]:
        """Encode a text as lm-eval's `hf` model does: with a first token if the tokenizer adds one.

        A text that begins with that token gets no second one. An end that is added is left out:
        what comes next is still to be predicted.
        """
        if text.startswith(self._start):
            return self.plain(text)
        ids: list[int] = self.tokenizer.encode(text)
        return ids[: len(ids) - self._behind] if self._behind else ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of several texts, by the folder's own tokenizer."""
        return [self.encode(text) for text in texts]

    @property
    def special_ids(self) -> dict[str, int]:
        """Give the special tokens, which have no text of their own, by how they are written."""
        found = dict(
            zip(self.tokenizer.all_special_tokens, self.tokenizer.all_special_ids, strict=True)
        )
        added = getattr(self.tokenizer, "added_tokens_decoder", {})
        return found | {str(one): number for number, one in added.items() if one.special}

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, by the folder's own tokenizer."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))


@dataclass(frozen=True)
class Folder:
    """What a folder holds."""

    network: Network
    tokenizer: FolderTokenizer
    context: int
    parameters: int
    stop_ids: frozenset[int]
    chat: ChatFormat | None = None


def load_folder(folder: Path, kind: str, device: str, dtype: torch.dtype) -> Folder:
    """Load a causal model of a kind (`model_type`) and its tokenizer, offline.

    mind-train reads the weights of architectures that it has, which is faster; transformers the
    others. Raises `MindError` if transformers is not installed, or the folder cannot be loaded.
    """
    transformers = _transformers(folder)
    check_links(folder)
    weights = sorted(folder.glob(WEIGHTS))
    if not weights:
        raise no_weights(folder)
    described = read_json(folder / "config.json")
    refuse_fetching(folder, described)
    check_sizes(described, weights, folder / "config.json")
    model: Any = _our_model(folder, kind)
    try:
        # Not by `AutoTokenizer` for ours: it would ask whether to run the model's code.
        loader = transformers.PreTrainedTokenizerFast if kind == OURS else tokenizer_loader(folder)
        # Without `trust_remote_code=False` transformers asks on stdin whether to run the folder's
        # own Python, and a "y" in a pipe is a yes.
        tokenizer = loader.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if model is None:
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, dtype=dtype,
                use_safetensors=True,
            )  # fmt: skip
    except Exception as error:  # the libraries raise what they like for a damaged file
        if "trust_remote_code" in str(error):
            raise MindError(
                f"{folder} brings Python of its own (auto_map in its config), which is not run",
                hint="give a folder of an architecture that transformers or mind-train has",
            ) from error
        raise MindError(
            f"{folder} cannot be loaded",
            cause=error,
            hint="config.json, tokenizer.json and model.safetensors must be there and whole",
        ) from error
    model = model.eval().to(device, dtype)
    if isinstance(model, LanguageModel):
        network: Network = MindNetwork(model)
    else:
        network = FolderNetwork(model)
        network.check(folder)
    stops = stop_ids(folder)
    lengths = ("context", "max_position_embeddings", "n_positions")
    # The first that a config has counts: mind-train's own name comes before transformers'.
    found = [size for name in lengths if (size := getattr(model.config, name, None))]
    return Folder(
        network=network,
        tokenizer=FolderTokenizer(tokenizer, folder, min(stops, default=None)),
        context=int(found[0]) if found else 2048,
        parameters=sum(p.numel() for p in model.parameters()),
        stop_ids=stops,
        chat=template_of(tokenizer),
    )


def _transformers(folder: Path) -> Any:
    """Import transformers, which then says nothing by itself."""
    try:
        transformers = import_module("transformers")
    except ImportError as error:
        raise MindError(
            f"{folder} is a Hugging Face folder, which transformers reads",
            cause=error,
            hint="pip install 'mind-eval[hf]'",
        ) from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _our_model(folder: Path, kind: str) -> LanguageModel | None:
    """Read a model of an architecture that mind-train has; None for another, or a variant."""
    if kind not in TYPES:
        return None
    try:
        return read_model(folder)[1]
    except MindError:
        return None
