"""Every check of `mind-eval conform`."""

from __future__ import annotations

from pathlib import Path

from mind_eval.conform.checks import Check
from mind_eval.conform.formulas import formula_checks
from mind_eval.conform.prompts import prompt_checks
from mind_eval.conform.published import published_checks


def run_checks(data_root: Path | None, external: Path | None) -> list[Check]:
    """Make every check for which there are data."""
    return [*prompt_checks(data_root), *formula_checks(), *published_checks(external)]
