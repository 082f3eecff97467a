"""What a plugin author and the tools downstream import: a tokenizer, and how to load one."""

from mind_tok.tokenizer import Token, Tokenizer, TokenizerKind, load_tokenizer

__all__ = ["Token", "Tokenizer", "TokenizerKind", "load_tokenizer"]
