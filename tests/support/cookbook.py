"""What the commands of docs/cookbook find when they run small: archives, texts, a public model."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import zstandard

DATA = Path(__file__).parent.parent / "data"
MANUALS = ("debian-manuals", "installation-guide", "python-doc")


def rows(path: Path, count: int) -> list[dict[str, Any]]:
    """Return the first records of a shipped stream."""
    text = zstandard.ZstdDecompressor().stream_reader(path.open("rb")).read().decode()
    return [json.loads(line) for line in text.splitlines()[:count]]


def write_archives(folder: Path, count: int) -> None:
    """Write shipped pages as Common Crawl does: a gzip member for each response."""
    folder.mkdir()
    for name in MANUALS:
        with (folder / f"CC-MAIN-{name}.warc.gz").open("wb") as out:
            for number, row in enumerate(rows(DATA / "pages" / f"{name}.jsonl.zst", count)):
                body = row["html"].encode()
                answer = (
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body) + body
                )
                head = (
                    "WARC/1.0\r\nWARC-Type: response\r\n"
                    f"WARC-Record-ID: <urn:uuid:{name}-{number}>\r\n"
                    f"WARC-Target-URI: https://{name}.example/{number}\r\n"
                    "WARC-Date: 2026-11-30T00:00:00Z\r\n"
                    "Content-Type: application/http; msgtype=response\r\n"
                    f"Content-Length: {len(answer)}\r\n\r\n"
                )
                out.write(gzip.compress(head.encode() + answer + b"\r\n\r\n"))


def write_model(folder: Path) -> None:
    """Write a small random Qwen3 folder as transformers saves it, with its chat template."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    words.train_from_iterator(
        [row["html"] for row in rows(DATA / "pages" / "installation-guide.jsonl.zst", 20)],
        trainers.BpeTrainer(
            vocab_size=600,
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        chat_template="{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}"
        "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    )  # fmt: skip
    fast.save_pretrained(folder)
    torch.manual_seed(3)
    config = transformers.Qwen3Config(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=16, max_position_embeddings=256,
        eos_token_id=fast.eos_token_id, tie_word_embeddings=True,
    )  # fmt: skip
    transformers.Qwen3ForCausalLM(config).save_pretrained(folder)
