"""Run ``python -m mind_eval``."""

from mind_eval.cli import main

if __name__ == "__main__":
    main()
