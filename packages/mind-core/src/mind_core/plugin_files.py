"""Plugins in single files (`--plugin FILE.py`): modules whose source travels to the workers.

A worker that is not forked begins with nothing: what is sent to it refers to classes by the name of
their module, which it must be able to make from the source that was read here, whatever has become
of the file meanwhile.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from mind_core.files import note_source

_PREFIX = "mind_plugin_"
_loaded: dict[str, PluginFile] = {}


@dataclass(frozen=True)
class PluginFile:
    """One file: the name of its module, where it lies, and its source as it was read."""

    module: str
    path: str
    source: bytes

    @property
    def version(self) -> str:
        """Return the start of the source's hash: what a run's summary calls the version."""
        return "sha256:" + hashlib.sha256(self.source).hexdigest()[:12]

    def load(self) -> ModuleType:
        """Run the source as a module and return it; raises whatever the source raises."""
        module = ModuleType(self.module)
        module.__file__ = self.path
        sys.modules[self.module] = module  # so that what it defines can be pickled
        _loaded[self.module] = self
        # A traceback shows the lines that ran, also where the file is not to be had.
        text = self.source.decode("utf-8", "replace")
        linecache.cache[self.path] = (len(text), None, text.splitlines(True), self.path)
        try:
            exec(compile(self.source, self.path, "exec"), module.__dict__)
        # Nothing is left of a module that ran halfway, so that the next try begins anew.
        except BaseException:
            del sys.modules[self.module], _loaded[self.module]
            raise
        return module


def read_plugin_file(path: Path) -> PluginFile:
    """Read a plugin's source; its module is named after the file and, if that is taken, its hash.

    Raises `OSError` if the file cannot be read.
    """
    source = path.read_bytes()
    note_source(path)
    name = _PREFIX + path.stem
    file = PluginFile(name, str(path.resolve()), source)
    # Two files of one name in different folders, or one that was changed meanwhile.
    if name in _loaded and _loaded[name] != file:
        name = f"{name}_{hashlib.sha256(str(path.resolve()).encode() + source).hexdigest()[:8]}"
    return PluginFile(name, file.path, source)


def loaded_files() -> tuple[PluginFile, ...]:
    """Return the files that were loaded into this process, in their order."""
    return tuple(_loaded.values())


def load_files(files: Sequence[PluginFile]) -> None:
    """Make the modules of another process here as well."""
    for file in files:
        file.load()
