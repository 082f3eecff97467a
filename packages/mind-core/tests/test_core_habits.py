"""What people are used to: -j auto, values that complete, near names, a share and the time left."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mind_core import cli, options, progress
from mind_core.errors import MindError, UsageError
from mind_core.foreign import missing
from mind_core.output import write_records
from mind_core.progress import Progress
from mind_core.stream import InputShare, read_batches

ROWS = [{"id": str(n), "text": "春江潮水" * 20} for n in range(4000)]


def test_auto_is_a_worker_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "usable_cores", lambda: 6)
    assert options.parse_jobs("auto") == 6
    assert options.parse_jobs(" 3 ") == 3
    assert options.parse_jobs(1) == 1
    for wrong in ("many", "0", "-1", "1.5", ""):
        with pytest.raises(UsageError, match="no number of workers") as caught:
            options.parse_jobs(wrong)
        assert "-j auto" in str(caught.value.hint)
    monkeypatch.setattr(options, "usable_cores", lambda: 500)
    assert options.check_jobs(options.parse_jobs("auto")) == options.JOBS_ANYWHERE


def test_recipes_complete() -> None:
    root = SimpleNamespace(info_name="/usr/bin/mind-clean")
    context: Any = SimpleNamespace(find_root=lambda: root)
    pytest.importorskip("mind_clean")
    assert options.complete_recipe(context, "gopher") == ["gopher-en"]
    assert "mindllm" in options.complete_recipe(context, "")


def test_a_file_that_is_called_alike_is_named(tmp_path: Path) -> None:
    (tmp_path / "pages.jsonl.zst").touch()
    error = missing(tmp_path / "page.jsonl.zst", None)
    assert f"did you mean {tmp_path / 'pages.jsonl.zst'}?" == error.hint
    assert "check the path" in str(missing(tmp_path / "something else", None).hint)
    assert "check the path" in str(missing(tmp_path / "no" / "folder", None).hint)


def test_help_says_the_whole_of_what_a_verb_does() -> None:
    first = "Do a thing that takes a good many words to say, more of them than fit on one line."
    code = (
        "from mind_core.cli import new_app\napp = new_app()\napp.callback()(lambda: None)\n"
        f"app.command('verb', help={first!r} + chr(10) * 2 + 'More.')(lambda: None)\n"
        "app(['--help'])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, env={"COLUMNS": "60"},
    ).stdout  # fmt: skip
    listed = " ".join(shown.split("Commands:")[1].split())
    assert listed == f"verb {first}"


@pytest.mark.parametrize(
    ("told", "wanted"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")]
)
def test_threads_of_torch_wait_asleep_unless_told(told: dict[str, str], wanted: str) -> None:
    code = (
        "import os\nfrom mind_core.cli import new_app, run\napp = new_app()\n"
        "app.command()(lambda: print(os.environ['OMP_WAIT_POLICY']))\nrun(app, 'mind-probe', [])"
    )
    others = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env={**others, **told},
    )  # fmt: skip
    assert done.stdout.strip() == wanted


@pytest.mark.parametrize("name", ["in.jsonl.zst", "in.jsonl", "in.csv", "in.jsonl.gz"])
def test_the_share_grows_to_one(tmp_path: Path, name: str) -> None:
    files = [tmp_path / "a" / name, tmp_path / "b" / name]
    for file in files:
        file.parent.mkdir()
        write_records(file, ROWS, level=0 if name == "in.jsonl" else None)
    share = InputShare(files)
    assert share.share == 0
    seen = []
    for _ in read_batches(files, batch_bytes=1 << 16, progress=share):
        seen.append(share.share)
    assert seen == sorted(seen, key=float) and len(set(seen)) >= 2
    assert seen[-1] == 1.0


def test_what_has_no_size_has_no_share(tmp_path: Path) -> None:
    write_records(tmp_path / "a", ROWS[:1])
    assert InputShare(["-"]).share is None
    assert InputShare([]).share is None
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    assert InputShare([tmp_path / "a", tmp_path / "x.parquet"]).share is None


def test_the_time_left_is_reckoned_from_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=0.0)
    monkeypatch.setattr(progress, "time", clock)
    line = Progress("mind-test", True)
    monkeypatch.setattr(line, "show", shown.append)
    clock.now = 30.0
    line.count(600, share=0.25)
    line.count(600, share=1.0)
    line.count(600, share=0.001)
    line.count(600)
    assert shown == [
        "600 records, 20/s, 25%, 90 s left", "600 records, 20/s, 100%", "600 records, 20/s, 0%",
        "600 records, 20/s",
    ]  # fmt: skip


def test_an_address_is_still_told(tmp_path: Path) -> None:
    assert isinstance(missing("https://example.org/a.zst", None), MindError)
    assert "curl" in str(missing("https://example.org/a.zst", None).hint)


@pytest.mark.parametrize("flag", ["-v", "-V"])
def test_who_asks_for_a_version_or_for_more_words_is_told(
    flag: str, capfd: pytest.CaptureFixture[str]
) -> None:
    app = pytest.importorskip("mind_clean.cli").app
    assert cli._run(app, "mind-clean", [flag]) == 2
    said = capfd.readouterr().err
    assert "`mind-clean --version`" in said and "--progress" in said
