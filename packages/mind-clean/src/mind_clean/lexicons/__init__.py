"""Lists of words, each with its licence; `--set sensitive_words.lexicon=FILE` takes any other."""
