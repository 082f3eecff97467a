"""A stream command on a terminal without input shows its help and exits 2: no wait for keys."""

from __future__ import annotations

import importlib
import io

import pytest

from mind_core import cli

COMMANDS = [
    "mind-clean", "mind-dedup", "mind-tok count", "mind-tok decode", "mind-tok train",
    "mind-tok inspect -t no-folder", "mind-tok encode -t no-folder", "mind-sft-select score",
    "mind-sft-select select", "mind-sft-select read", "mind-sft-select cluster -o no-folder",
    "mind-domain read", "mind-domain label", "mind-domain sft", "mind-domain elo",
    "mind-domain score --model no-folder", "mind-domain split --date 2021-01-01 -o no-folder",
    "mind-domain bucket --tokenizer m=no-folder -o no-folder",
    "mind-domain answer --model m=http://localhost/v1#m --log no.jsonl",
    "mind-domain distil --teacher http://localhost/v1#m --log no.jsonl",
]  # fmt: skip


class Terminal(io.StringIO):
    """A stdin at which a person sits."""

    def isatty(self) -> bool:
        return True

    def read(self, *_: object) -> str:
        raise AssertionError("it waits for keys")

    readline = read


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_shown(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tool, *arguments = command.split()
    app = importlib.import_module(f"{tool.replace('-', '_')}.cli").app
    monkeypatch.setattr("sys.stdin", Terminal())
    with pytest.raises(SystemExit) as ended:
        cli.run(app, tool, arguments)
    shown = capsys.readouterr()
    assert shown.err.startswith(f"Usage: {' '.join([tool, *arguments[:1]])}"), shown.err
    assert (ended.value.code, shown.out) == (2, "")
