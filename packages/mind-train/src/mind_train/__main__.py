"""Run ``python -m mind_train``."""

from mind_train.cli import main

if __name__ == "__main__":
    main()
