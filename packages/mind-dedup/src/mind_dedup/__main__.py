"""Run the tool as `python -m mind_dedup`."""

from mind_dedup.cli import main

main()
