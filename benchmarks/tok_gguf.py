"""Compare the ids of llama.cpp with ours, for a vocabulary that `mind-tok convert --to gguf` wrote.

llama.cpp comes as the package `cyllama`, which loads no file without weights: so a model of one
layer of zeros is put around the vocabulary.

usage: python benchmarks/tok_gguf.py TOKENIZER VOCABULARY.gguf FILE.jsonl.zst … [--every 200]
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from cyllama.llama import llama_cpp

from mind_core.stream import read_records
from mind_core.testing import ODD_TEXTS
from mind_tok.convert import read_any
from mind_tok.fast_engine import PROBES

WIDTH = 32


def with_weights(vocabulary: Path, path: Path) -> None:
    """Write a model file that has the vocabulary, and zeros for weights."""
    writer = gguf.GGUFWriter(path, "llama")
    entries = 0
    for key, value in gguf.GGUFReader(vocabulary).fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        if value.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_array(key, value.contents())
            entries = len(value.data) if key.endswith(".tokens") else entries
        else:
            writer.add_key_value(key, value.contents(), value.types[0])
    writer.add_block_count(1)
    writer.add_context_length(1024)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd": (entries, WIDTH),
        "output": (entries, WIDTH),
        "output_norm": (WIDTH,),
    }
    shapes |= {f"blk.0.{name}": (WIDTH,) for name in ("attn_norm", "ffn_norm")}
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        shapes[f"blk.0.{name}"] = (WIDTH, WIDTH)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def texts_of(files: list[str], every: int) -> list[str]:
    """Return odd texts, and some of each file's first 60,000, cut to 20,000 characters."""
    found = [*PROBES, *ODD_TEXTS]
    for file in files:
        found += [row["text"][:20_000] for row in islice(read_records([file]), 0, 60_000, every)]
    return [text for text in found if "\0" not in text]  # it ends a C string


def main() -> None:
    """Print how many texts have other ids, and the first of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--every", type=int, default=200)
    args = parser.parse_intermixed_args()
    ours = read_any(args.tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "model.gguf"
        with_weights(args.vocabulary, whole)
        model: Any = llama_cpp.LlamaModel(str(whole), llama_cpp.LlamaModelParams())
        theirs = model.get_vocab()  # it lives as long as the model
    assert theirs.n_vocab == ours.vocab_size and theirs.token_eos() == ours.end_id
    size = texts = different = 0
    for text in texts_of(args.files, args.every):
        try:
            size += len(text.encode())
        except UnicodeEncodeError:
            continue
        texts += 1
        if ours.encode(text) != list(theirs.tokenize(text, False, False)):
            different += 1
            print(f"different: {text[:80]!r}")
    print(f"{texts:,} texts, {size / 1e6:.2f} MB, {different} with other ids in llama.cpp")


if __name__ == "__main__":
    main()
