"""Peers are measured in environments of their own, made on first use from a list of packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def peer_python(name: str) -> Path:
    """Return the interpreter of a peer's environment, `.peers/NAME`, with `NAME.txt` installed."""
    wanted = (HERE / f"{name}.txt").read_text("utf-8")
    folder = Path(os.environ.get("MIND_PEERS", ROOT / ".peers")) / name
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        print(f"installing {name} into {folder}", file=sys.stderr)
        _create(folder, wanted)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(HERE / f"{name}.txt")], check=True)
        stamp.write_text(wanted, "utf-8")
    return python


def _create(folder: Path, wanted: str) -> None:
    """Make an empty environment, of another version of Python if the list begins with its name."""
    first = wanted.split("\n", 1)[0]
    if not first.startswith("# python"):
        venv.create(folder, with_pip=True, clear=True)
        return
    python = shutil.which(first.removeprefix("# ").replace(" ", ""))
    if python is None:
        sys.exit(f"{folder.name} wants {first.removeprefix('# ')}, which is not on the PATH")
    subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
