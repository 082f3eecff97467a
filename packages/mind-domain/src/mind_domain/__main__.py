"""Run mind-domain with `python -m mind_domain`."""

from mind_domain.cli import main

if __name__ == "__main__":
    main()
