"""Plugins: what is broken is set aside and named, what is asked for is found or suggested."""

import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pluggy
import pytest

from mind_core.errors import MindError, UsageError
from mind_core.plugins import Plugins, kind_of

PROJECT = "mind_probe"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True)
class Length:
    """Drop texts that are too short."""

    min: int = 10
    ratio: float = 0.5
    unit: str = "characters"


def module(name: str, **members: object) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(members)
    return made


@hookspec
def register_filters():
    """What drops."""


@hookspec
def register_keep_policies():
    """What stays."""


SPECS = module(
    "specs", register_filters=register_filters, register_keep_policies=register_keep_policies
)


@hookimpl(specname="register_filters")
def _filters():
    return {"length": Length, "lazy": "mind_core.records:Reason", "gone": "no_such_module:Thing"}


BUILTINS = module("builtins", register_filters=_filters)


def probe(*files: Path) -> Plugins:
    return Plugins(PROJECT, SPECS, BUILTINS, files)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, **plugins: str) -> None:
    """Install plugins as real distributions with entry points, in a folder on the path."""
    for name, source in plugins.items():
        (folder / f"probe_{name}.py").write_text(
            "import pluggy\nhookimpl = pluggy.HookimplMarker('mind_probe')\n" + source
        )
        info = folder / f"probe_{name}-1.2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: probe-{name}\nVersion: 1.2.3\n"
        )
        (info / "entry_points.txt").write_text(f"[{PROJECT}]\n{name} = probe_{name}\n")
        sys.modules.pop(f"probe_{name}", None)
    monkeypatch.syspath_prepend(str(folder))


OFFER = "@hookimpl\ndef register_filters():\n    return {%r: lambda: (lambda record: None)}\n"


def test_built_ins_come_through_the_same_door() -> None:
    plugins = probe()
    assert plugins.make("register_filters", "length", {"min": 3}) == Length(min=3)
    assert list(plugins.used()) == ["length"]
    assert plugins.find("register_filters", "lazy").factory().__name__ == "Reason"
    assert plugins.find("register_filters", "length").summary() == "Drop texts that are too short."
    assert plugins.find("register_filters", "length").options()["min"] == 10


def test_an_unknown_name_suggests_near_ones() -> None:
    with pytest.raises(UsageError, match="no filter 'lenght'") as caught:
        probe().find("register_filters", "lenght")
    assert "did you mean length" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"mni": 1}, "has no option 'mni'"),
        ({"min": "x"}, "is 'x'"),
        ({"min": True}, "is True"),
        ({"ratio": float("nan")}, "is nan"),
    ],
)
def test_a_wrong_option_is_said(options: dict, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        probe().make("register_filters", "length", options)
    assert caught.value.hint


def test_a_lazy_target_that_cannot_be_imported_says_what_to_install() -> None:
    with pytest.raises(MindError, match="cannot be imported") as caught:
        probe().make("register_filters", "gone")
    assert "pip install no-such-module" in str(caught.value.hint)


def test_installed_plugins_are_loaded_only_when_needed(tmp_path, monkeypatch) -> None:
    install(tmp_path, monkeypatch, extra=OFFER % "extra")
    plugins = probe()
    plugins.find("register_filters", "length")
    assert "extra" not in plugins.status
    found = plugins.find("register_filters", "extra")
    assert (found.plugin, found.version) == ("extra", "1.2.3")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_module\n", "no_such_module"),
        ("@hookimpl\ndef register_filter():\n    return {}\n", "unknown hook"),
        ("@hookimpl\ndef register_filters():\n    return ['a']\n", "mapping"),
        ("@hookimpl\ndef register_filters():\n    return {'a': 3}\n", "callable"),
        ("@hookimpl\ndef register_filters():\n    raise ValueError('boom')\n", "boom"),
        ("@hookimpl\ndef register_filters(record):\n    return {}\n", "record"),
    ],
    ids=["import", "misspelt hook", "no mapping", "no callable", "raises", "wrong arguments"],
)
def test_a_broken_plugin_is_set_aside_and_named(
    tmp_path, monkeypatch, capsys, source: str, error: str
) -> None:
    install(tmp_path, monkeypatch, broken=source, good=OFFER % "extra")
    plugins = probe()
    assert plugins.find("register_filters", "extra").plugin == "good"
    assert error in str(plugins.status["broken"].error)
    assert "plugin broken is set aside" in capsys.readouterr().err
    with pytest.raises(UsageError) as caught:
        plugins.find("register_filters", "wanted")
    assert "broken" in str(caught.value.hint)


def test_two_plugins_with_one_name_are_both_named(tmp_path, monkeypatch) -> None:
    install(tmp_path, monkeypatch, one=OFFER % "twin", two=OFFER % "twin")
    with pytest.raises(UsageError, match="one and two"):
        probe().find("register_filters", "twin")
    monkeypatch.setenv("MIND_PLUGINS", "two")
    assert probe().find("register_filters", "twin").plugin == "two"


def test_a_built_in_is_never_replaced(tmp_path, monkeypatch) -> None:
    install(tmp_path, monkeypatch, sly=OFFER % "length")
    plugins = probe()
    plugins.load_installed()
    assert plugins.find("register_filters", "length").plugin == "mind-probe"


def test_plugins_can_be_turned_off(tmp_path, monkeypatch) -> None:
    install(tmp_path, monkeypatch, extra=OFFER % "extra")
    monkeypatch.setenv("MIND_PLUGINS", "")
    with pytest.raises(UsageError):
        probe().find("register_filters", "extra")


def test_a_plugin_file_is_loaded_with_its_hash(tmp_path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import pluggy\nhookimpl = pluggy.HookimplMarker('mind_probe')\n" + OFFER % "mine"
    )
    found = probe(file).find("register_filters", "mine")
    assert found.plugin == "mine.py" and found.version.startswith("sha256:")
    file.write_text("import no_such_module")
    with pytest.raises(MindError, match="failed to load"):
        probe(file)
    with pytest.raises(UsageError, match="no plugin file"):
        probe(tmp_path / "other.py")


@pytest.mark.parametrize(
    ("hook", "kind"),
    [("register_filters", "filter"), ("register_keep_policies", "keep policy")],
)
def test_kinds_are_singular(hook: str, kind: str) -> None:
    assert kind_of(hook) == kind
