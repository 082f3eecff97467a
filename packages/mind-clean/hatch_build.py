"""What the build of every package does beside hatchling's own work.

Sibling packages are depended on by path inside a checkout, by name anywhere else: `pip install
./packages/mind-clean` then finds `mind-core` beside it, with no index and no flags.
MIND_SIBLINGS=name turns the paths off: for release wheels, and for several editable installs at
once.

READMEs link to the docs of the checkout. MIND_REPOSITORY=https://host/owner/name, for releases,
makes those links absolute and gives the project's addresses; without it a link becomes its words.

Loops are compiled into a library inside the wheel (`mind_core.kernels.build`). MIND_NATIVE=auto,
the default, makes a wheel without one where that cannot be, which says why when it runs; `require`
stops instead, for releases; `0` makes none. An editable installation gets one with `require` only:
its sources change.
"""

import os
import platform
import posixpath
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

COMPILER = ("numba==0.68.1", "numpy>=2.0")
"""What compiles the loops, pinned as in constraints.txt: the shape of its code is its own."""

BUILD = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from mind_core.kernels.build import main
main()
"""
"""Not by PYTHONPATH: pip takes out of it what is installed as editable outside."""


def sibling(root: str, name: str, versions: str, folder: str = "..") -> str:
    """Return the requirement of a package beside this one."""
    by_path = os.environ.get("MIND_SIBLINGS", "path") == "path"
    path = Path(root, folder, name).resolve()
    found = by_path and (path / "pyproject.toml").is_file()
    return f"{name} @ {path.as_uri()}" if found else f"{name}{versions}"


PAPER = "https://arxiv.org/abs/2310.15777"
LINK = re.compile(r"\[([^\]]*)\]\((?!https?://|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")


def readme(root: str, folder: str, repository: str, version: str) -> str:
    """Return the README with links that work where the package is shown by itself."""

    def absolute(link: re.Match[str]) -> str:
        if not repository:
            return link[1]
        path = posixpath.normpath(posixpath.join(folder, link[2]))
        return f"[{link[1]}]({repository}/blob/v{version}/{path}{link[3] or ''})"

    return LINK.sub(absolute, Path(root, "README.md").read_text("utf-8"))


class SiblingDependencies(MetadataHookInterface):
    """Fill `dependencies`, `readme` and `urls`, by this hook's `requires` and `siblings` tables."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Write them into the project's metadata."""
        repository = os.environ.get("MIND_REPOSITORY", "").rstrip("/")
        folder = "" if "folder" in self.config else f"packages/{metadata['name']}"
        text = readme(self.root, folder, repository, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = {"Paper": PAPER}
        if repository:
            metadata["urls"] |= {
                "Repository": repository,
                "Changelog": f"{repository}/blob/v{metadata['version']}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        metadata["dependencies"] = list(self.config["requires"]) + [
            sibling(self.root, name, versions, self.config.get("folder", ".."))
            for name, versions in self.config["siblings"].items()
        ]


class CompiledLoops(BuildHookInterface):
    """Compile the loops of the package that the hook's `loops` names into the wheel."""

    @property
    def choice(self) -> str:
        """Return what MIND_NATIVE asks for."""
        choice = os.environ.get("MIND_NATIVE", "auto")
        if choice not in ("auto", "require", "0"):
            raise ValueError(f"MIND_NATIVE={choice} is none of auto, require, 0")
        return choice

    def dependencies(self) -> list[str]:
        """Return what the build needs; nothing if there is none to be made."""
        if self.choice == "0":
            return []
        if self.config["loops"] == "mind_core":
            return [*COMPILER, *self.metadata.core.dependencies]
        return [*COMPILER, sibling(self.root, "mind-core", "==0.1.*")]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and add the library to the wheel; without one, add why."""
        if self.choice == "0" or (version == "editable" and self.choice != "require"):
            return
        package = self.config["loops"]
        folder = Path(self.root, "src", package, "native")
        if version != "editable":
            folder = Path(tempfile.mkdtemp(prefix="mind-loops-"))
        suffix = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
        target = folder / f"loops{suffix}"
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(Path(self.root, "src")), package, "-o", str(target)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            why = done.stderr.strip().replace("\n", "; ")[-600:]
            if self.choice == "require":
                raise RuntimeError(f"the loops of {package} cannot be compiled: {why}")
            self.app.display_warning(
                f"NO COMPILED LOOPS in this wheel of {package}: {why}. It needs numba to run, the "
                "extra [jit]. MIND_NATIVE=require stops instead."
            )
            target = folder / "why-not.txt"
            folder.mkdir(parents=True, exist_ok=True)
            target.write_text(f"the wheel was built without: {why}\n", "utf-8")
        else:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{wheel_platform()}"
        if version != "editable":
            build_data["force_include"][str(target)] = f"{package}/native/{target.name}"


def wheel_platform() -> str:
    """Return the platform of a wheel whose library asks nothing but malloc of the C library."""
    machine = platform.machine().lower()
    if sys.platform == "linux":
        musl = "musl" in str(sysconfig.get_config_var("HOST_GNU_TYPE"))
        return f"musllinux_1_2_{machine}" if musl else f"manylinux_2_17_{machine}"
    if sys.platform == "darwin":
        return f"macosx_11_0_{machine}"
    return {"amd64": "win_amd64", "arm64": "win_arm64"}[machine]
