"""What a plugin author and the tools downstream import: a tokenizer, and how to load one."""

from mind_tok.hookspecs import hookimpl
from mind_tok.loading import load_tokenizer
from mind_tok.tokenizer import Token, Tokenizer, TokenizerKind

__all__ = ["Token", "Tokenizer", "TokenizerKind", "hookimpl", "load_tokenizer"]
