"""What a run says while it goes on: steps and evaluations in words."""

from __future__ import annotations

from typing import Any


def in_words(line: dict[str, Any]) -> str:
    """Put a step's line into words, for the live line."""
    if "tokens_per_second" not in line:
        return "passed over"
    mfu = "" if line["mfu"] is None else f", MFU {line['mfu']:.0%}"
    loss = f"loss {line['loss']:.3f}" if "loss" in line else str(line["cause"])
    return f"{loss}, {line['tokens_per_second']:,.0f} tokens/s{mfu}"


def describe(result: dict[str, Any]) -> str:
    """Put an evaluation into words: the mean, then each language."""
    words = [f"{result['all']['nats_per_token']:.3f} nats/token"]
    for language, score in result["languages"].items():
        bits = score["bits_per_byte"]
        value = f"{score['nats_per_token']:.3f}" if bits is None else f"{bits:.3f} bits/byte"
        words.append(f"{language} {value}")
    return ", ".join(words)
