"""The compiled loops of this tool by name, with what they take."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mind_core.kernels.machine_code import Library

_PACKAGE = "mind_dedup.kernels.loops"


def _sources() -> tuple[str, ...]:
    """Return the files outside the package whose constants the loops take in."""
    here = Path(__file__).parent
    core = find_spec("mind_core.kernels.compiling")
    names = [
        here / "table.py",
        here / "scanning.py",
        *(here.parent / f"{n}.py" for n in ("fold", "shingles")),
    ]
    return (*map(str, names), *([core.origin] if core is not None and core.origin else []))


LOOPS = Library(
    _PACKAGE,
    {
        "shingles.fill": "u1[] i8[] u1[] u8[] u8[] u8[] u8[] u8[] u4[] u4[] u4[] u4[] i8[]",
        "signatures.fill": ("u4[] i8[] i8 i8[] i8[] i8[] i8 u8[] u8[] u4[] u4[] u4[] i8[] u8[] i8"),
        "table.find": "u2[] u8[] u4[] u1[] u8[] i8[] i8[] i8[]",
        "table.insert": "u2[] u8[] u4[] u1[] u8[] i8[]",
        "scanning.scan": "u1[] i8 u1[] u1[] u1[] i8[] i8[] b1[]",
        "scanning.group": "u1[] i8[] i8 i8[] i8[]",
        "keeping.keep": "u8[] i8[] u4[] i8[] b1[] b1[] i8 u8[] i8[] u4[] u4[] u4[]",
        "keeping.join": "u1[] i8[] i8[] u1[]",
        "judging.has_key": "u8[] i8[] i8[] u8[] b1[]",
        "judging.groups": "u8[] i8[] i8[] b1[] i8[]",
        "judging.judge": (
            "i8[] i8[] i8[] i8[] i8[] i8[] i8[] u4[] i8[] u4[] i8[] f8 i8 i8 i8 i8 "
            "i8[] f8[] b1[] b1[] i8[] b1[] i8[] i8[] i8[] i8[] i8[]"
        ),
    },
    _sources(),
)
