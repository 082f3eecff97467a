"""Run the tool as `python -m mind_clean`."""

from mind_clean.cli import main

main()
