"""Run `python -m mind_tok`."""

from mind_tok.cli import main

main()
