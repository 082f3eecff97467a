"""Where outputs go: synced in the right order, with the right mode, and directly into pipes."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mind_core.errors import MindError, UsageError
from mind_core.files import atomic_file, atomic_folder, check_file, check_folder, write_manifest
from mind_core.output import check_distinct, open_output, write_records
from mind_core.plugin_files import read_plugin_file
from mind_core.recipe import load_recipe

Calls = list[tuple[str, str]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Record what is asked of the system, in order: sync NAME, rename NAME."""
    found: Calls = []

    def recorded(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(first: int | str | os.PathLike[str], *rest: object) -> object:
            path = Path(f"/proc/self/fd/{first}").readlink() if isinstance(first, int) else first
            found.append((name, Path(path).name))
            return real(first, *rest)

        return call

    monkeypatch.setattr(os, "fsync", recorded("sync", os.fsync))
    monkeypatch.setattr(os, "replace", recorded("rename", os.replace))
    return found


def kinds(calls: Calls, folder: Path) -> list[str]:
    """Return the calls with temporary names told apart from folders."""
    return [
        f"{call} {'partial' if name.endswith('.partial') else name}".replace(folder.name, "folder")
        for call, name in calls
    ]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_file_is_synced_before_it_gets_its_name_and_its_folder_after(
    tmp_path: Path, calls: Calls
) -> None:
    with atomic_file(tmp_path / "result") as file:
        file.write(b"x")
    assert kinds(calls, tmp_path) == ["sync partial", "rename partial", "sync folder"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_all_of_a_folder_is_synced_before_it_gets_its_name(tmp_path: Path, calls: Calls) -> None:
    with atomic_folder(tmp_path / "run") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "part").write_bytes(b"x")
        (folder / "plain").write_bytes(b"x")
        write_manifest(folder, {"format": "x"})
    found = kinds(calls, tmp_path)
    assert found[:3] == ["sync partial", "rename partial", "sync partial"]  # the manifest
    assert sorted(found[3:-2]) == [
        "sync inner", "sync manifest.json", "sync part", "sync partial", "sync plain",
    ]  # fmt: skip
    assert found.index("sync part") < found.index("sync inner")
    assert found[-3:] == ["sync partial", "rename partial", "sync folder"]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_keeps_the_mode_of_what_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with atomic_file(path) as file:
        assert mode_of(next(tmp_path.glob(".*.partial"))) == 0o600
        file.write(b"new")
    assert mode_of(path) == 0o640
    before = os.umask(0o027)
    try:
        write_records(tmp_path / "new", [])
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "new") == 0o640


def test_rejects_are_for_their_owner_alone(tmp_path: Path) -> None:
    with open_output(tmp_path / "rejects", side=True) as output:
        output.write(b"{}\n")
    assert mode_of(tmp_path / "rejects") == 0o600


def test_a_partial_name_that_is_a_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "0")
    (tmp_path / "precious").write_bytes(b"keep")
    (tmp_path / f".out.{os.getpid()}.0.partial").symlink_to(tmp_path / "precious")
    with pytest.raises(MindError, match="cannot write"), atomic_file(tmp_path / "out"):
        pass
    assert (tmp_path / "precious").read_bytes() == b"keep"


TOOL = """
import sys
from mind_core.cli import new_app, run
from mind_core.runner import StreamOptions, run_stream, BatchResult
from mind_core.records import encode
from mind_core.summary import Summary
from mind_core import options
app = new_app()
def work(batch):
    outcome = BatchResult()
    for position, line, record in outcome.records(batch):
        if "drop" in record:
            outcome.reject(record, "probe", "probe", "asked")
        else:
            outcome.keep(line)
    return outcome
@app.command()
def probe(inputs: options.Inputs = None, output: options.Output = None,
          rejects: options.Rejects = None, summary: options.SummaryFile = None,
          level: options.Level = None) -> None:
    run_stream(Summary("mind-probe"), work, StreamOptions(inputs=tuple(inputs or ()), output=output,
        rejects=rejects, summary=summary, level=level, quiet=True))
run(app, "mind-probe")
"""


KEPT = '{"id":"a"}\n{"id":"b"}\n'


def shell(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    (folder / "probe.py").write_text(TOOL)
    (folder / "in").write_text('{"id":"a"}\n{"id":"b"}\n{"drop":1}\n')
    command = command.replace("PROBE", f"'{sys.executable}' probe.py")
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("PROBE in -z 0 -o /dev/stdout", KEPT),
        ("PROBE in -z 0 -o /dev/stdout | cat", KEPT),
        ("(echo 1; PROBE in -z 0 -o /dev/stdout; echo 2) > f; cat f", f"1\n{KEPT}2\n"),
        ("(echo 1; PROBE in -z 0 -o /dev/fd/5; echo 2) 5> f; cat f", f"1\n2\n{KEPT}"),
        ("PROBE in -z 0 -o >(cat > f); sleep 1; cat f", KEPT),
        ("mkfifo p; cat p > f & PROBE in -z 0 -o p; wait; cat f", KEPT),
        ("PROBE in -z 0 --summary >(grep -c . > f); sleep 1; test -s f", KEPT),
        ("PROBE in -o /dev/null --rejects /dev/null --summary /dev/null; echo $?", "0\n"),
        ("PROBE in -o out --summary /dev/stdout | grep -c '\"kept\": 2'", "1\n"),
        ("PROBE in -z 0 -o /dev/stdout | head -c 3; echo ${PIPESTATUS[0]}", '{"i0\n'),
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_regular_file_is_written_directly(
    tmp_path: Path, command: str, printed: str
) -> None:
    done = shell(tmp_path, command)
    assert done.stdout == printed, done.stderr
    assert done.stderr == ""
    assert not list(tmp_path.glob(".*.partial"))


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("PROBE in -o /dev/full", 1, "cannot write /dev/full"),
        ("PROBE in --rejects /dev/full -o out", 1, "cannot write /dev/full"),
        ("PROBE in -o out --summary >(exec true; ); exit $?", 1, "its reader went away"),
        ("PROBE in --rejects /dev/stdout", 2, "two outputs have the same name"),
        ("PROBE < in -o in", 2, "in is input and output"),
        ("PROBE in >> in", 2, "stdout is input and output"),
        ("PROBE in > out --rejects out", 2, "two outputs have the same name"),
        ("ln in other; PROBE in -o other", 2, "other is input and output"),
        ("ln -s loop loop; PROBE in -o loop", 1, "cannot write"),
        ("mkfifo p; PROBE in -o p --rejects p", 2, "two outputs have the same name"),
    ],
    ids=range(10),
)
def test_an_output_that_cannot_be_is_named(
    tmp_path: Path, command: str, code: int, message: str
) -> None:
    done = shell(tmp_path, command)
    assert message in done.stderr, done.stderr
    assert done.returncode == code
    assert "hint: " in done.stderr
    assert not (tmp_path / "out").exists() or not (tmp_path / "out").stat().st_size


def test_names_of_one_file_are_told_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(UsageError):
        check_distinct((), tmp_path / "a", tmp_path / "b")
    with pytest.raises(UsageError):
        check_distinct((), tmp_path / "new", tmp_path / "x" / ".." / "new")
    check_distinct((str(tmp_path / "a"),), tmp_path / "new", tmp_path / "other")


def test_an_output_that_could_not_be_written_is_known_before(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "file", tmp_path):
        with pytest.raises(MindError, match="cannot write"):
            check_file(path)
    check_file(tmp_path / "file")
    check_file("/dev/null")
    with pytest.raises(MindError, match="other things"):
        check_folder(Path(__file__).parent)
    with pytest.raises(MindError, match="cannot write"):
        check_folder(Path(__file__) / "run")
    check_folder(tmp_path / "some" / "where")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights_is_known_before(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(MindError, match="cannot write"):
        check_file(tmp_path / "file")


def test_recipe_and_plugin_files_are_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mind_core.files._sources", set())
    recipe, plugin = tmp_path / "mine.toml", tmp_path / "mine.py"
    recipe.write_text("")
    plugin.write_text("")
    load_recipe(str(recipe), "mind_core")
    read_plugin_file(plugin)
    for path in (recipe, plugin):
        with pytest.raises(UsageError, match="is input and output"):
            check_distinct((), tmp_path / "out", path)


def test_a_file_of_an_input_folder_is_not_replaced(tmp_path: Path) -> None:
    run, beside = tmp_path / "run", tmp_path / "beside.jsonl"
    (run / "inner").mkdir(parents=True)
    for path in (run / "metrics.jsonl", run / "inner" / "manifest.json", run / "a.svg", beside):
        path.write_text("{}")
    (tmp_path / "link").symlink_to(run)
    for name in ("run/metrics.jsonl", "run/inner/manifest.json", "link/metrics.jsonl"):
        for given in (run, tmp_path / "link"):
            with pytest.raises(UsageError, match="is a file of the input folder"):
                check_distinct([given], tmp_path / name)
    # New files, pictures that are made again, and files elsewhere may be written.
    check_distinct([run], run / "new.json", run / "a.svg", beside)
