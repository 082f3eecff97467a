"""One result line of the check: printed at once, for people and as JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "peers"))


def row(name: str, value: str, aim: str = "", ok: bool | None = None, **figures: Any) -> None:
    """Print a line: what was measured, what was aimed at, and whether it was reached."""
    verdict = "" if ok is None else "ok" if ok else "FAILED"
    print(f"| {name} | {value} | {aim} | {verdict} |", flush=True)
    with Path(os.environ.get("OUT") or ".", "gpu_check.jsonl").open("a") as file:
        file.write(json.dumps({"row": name, "value": value, "ok": ok, **figures}) + "\n")
