"""Commands on a terminal without input: help and exit 2, never a wait for keys."""

from __future__ import annotations

import io

import pytest

from mind_core import cli
from mind_domain.cli import app


class Terminal(io.StringIO):
    """A stdin at which a person sits."""

    def isatty(self) -> bool:
        return True


def told(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.setattr("sys.stdin", Terminal())
    with pytest.raises(SystemExit) as ended:
        cli.run(app, "mind-domain", arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["elo"], ["sft"], ["split", "--date", "2021-01-01", "-o", "sides"]],
    ids=lambda arguments: arguments[0],
)
def test_help_is_shown(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Usage: mind-domain" in told(arguments, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["split", "-o", "sides"], "one of the two"),
        (["split", "--fractions", "0.5,0.6", "-o", "sides"], "0.5,0.6"),
        (["elo", "--k", "nan"], "--k"),
    ],
)
def test_what_cannot_be_meant_is_said_before_it(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = told(arguments, monkeypatch, capsys)
    assert message in error and "Usage: mind-domain" not in error
