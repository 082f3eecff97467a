"""Run ``python -m mind_sft_select``."""

from mind_sft_select.cli import main

if __name__ == "__main__":
    main()
