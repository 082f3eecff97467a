"""Causal models of transformers, tuned as our own are: `sft --from` a Hugging Face folder."""
