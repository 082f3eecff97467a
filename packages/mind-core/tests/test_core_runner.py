"""The corridor and the manners of a command line, on a small tool made for it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson
import pytest
import zstandard

from mind_core import options
from mind_core.files import read_json
from mind_core.parallel import usable_cores
from mind_core.records import encode
from mind_core.stream import read_records
from mind_core.testing import ToolResult

PROBE = '''
"""A stream tool of twenty lines: it drops what is marked, and crashes where it is told to."""
import os, signal, sys, time
import typer
from mind_core import Reason, options
from mind_core.cli import epilog, help_text, new_app, run
from mind_core.errors import GateError
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.records import encode
from mind_core.summary import Summary

def work(batch):
    outcome = BatchResult()
    for position, line, record in outcome.records(batch):
        if record.get("do") == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if record.get("do") == "crash":
            raise ZeroDivisionError(position)
        if record.get("do") == "gate":
            raise GateError("not reached", hint="try more")
        if record.get("do") == "wait":
            os.write(2, b"waiting\\n")
            time.sleep(60)
        if record.get("do") == "exit":
            sys.exit(0)
        if record.get("do") == "print":
            print("hello")
        if record.get("do") == "write":
            os.write(1, b"from C\\n")
        if record.get("do") == "drop":
            outcome.reject(record, "mind-probe", "probe", Reason("asked", 1, 2))
        else:
            record["seen"] = True
            outcome.keep(encode(record))
    return outcome

app = new_app()

@app.command(help=help_text("Probe.", ["mind-probe < a"]), epilog=epilog("Memory: little."))
def probe(inputs: options.Inputs = None, output: options.Output = None, jobs: options.Jobs = 1,
          level: options.Level = None, quiet: options.Quiet = False,
          rejects: options.Rejects = None,
          summary: options.SummaryFile = None, limit: options.Limit = None,
          skip_bad: options.SkipBad = "0", progress: options.ShowProgress = None) -> None:
    chosen = StreamOptions(inputs=tuple(inputs or ()), output=output, rejects=rejects,
        summary=summary, jobs=jobs, level=level, limit=limit,
        skip_bad=options.parse_skip_bad(skip_bad), quiet=quiet, progress=progress)
    run_stream(Summary("mind-probe"), work, chosen)

if __name__ == "__main__":
    run(app, "mind-probe")
'''

RECORDS = [
    {"id": str(i), "text": "文" * (i % 50), "do": "drop"}
    if i % 7 == 0
    else {"id": str(i), "text": "t" * (i % 50)}
    for i in range(5_000)
]
DATA = b"".join(map(encode, RECORDS))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("probe") / "probe.py"
    path.write_text(PROBE)
    return path


def probe(program: Path, *arguments: object, stdin: bytes = DATA) -> ToolResult:
    done = subprocess.run(
        [sys.executable, program, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return ToolResult(done.returncode, done.stdout, done.stderr.decode())


def shell(program: Path, command: str, folder: Path) -> ToolResult:
    command = command.replace("PROBE", f"{sys.executable} {program}")
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return ToolResult(done.returncode, done.stdout, done.stderr.decode())


def test_every_record_is_accounted_for(program: Path, tmp_path: Path) -> None:
    result = probe(
        program, "--rejects", tmp_path / "r.zst", "--summary", tmp_path / "s.json", "-j", 2
    )
    assert result.code == 0, result.stderr
    summary = read_json(tmp_path / "s.json")
    rejected = list(read_records([tmp_path / "r.zst"]))
    assert summary["complete"] and summary["in"] == 5_000
    assert summary["kept"] == len(result.records) == 5_000 - 715
    assert summary["rejected"] == {"probe.asked": 715} and len(rejected) == 715
    assert rejected[0]["metadata"]["mind"]["rejected"] == {
        "tool": "mind-probe",
        "step": "probe",
        "reason": "asked",
        "value": 1,
        "threshold": 2,
    }
    assert "5,000 in, 4,285 kept (85.7%)" in result.stderr


def test_the_same_bytes_for_any_number_of_workers(program: Path, tmp_path: Path) -> None:
    for jobs in (1, 2, 4):
        probe(program, "-j", jobs, "-o", tmp_path / f"{jobs}", "--rejects", tmp_path / f"r{jobs}")
    for jobs in (2, 4):
        assert (tmp_path / f"{jobs}").read_bytes() == (tmp_path / "1").read_bytes()
        assert (tmp_path / f"r{jobs}").read_bytes() == (tmp_path / "r1").read_bytes()


@pytest.mark.parametrize("limit", [0, 1, 2_999, 5_000, 9_999])
def test_limit_counts_records(program: Path, tmp_path: Path, limit: int) -> None:
    probe(program, "--limit", limit, "--summary", tmp_path / "s.json")
    assert read_json(tmp_path / "s.json")["in"] == min(limit, 5_000)


def test_a_bad_line_stops_the_run_and_leaves_nothing(program: Path, tmp_path: Path) -> None:
    bad = encode({"id": "1"}) + b"{broken\n" + encode({"id": "2"})
    result = probe(program, "-o", tmp_path / "o", "--rejects", tmp_path / "r", stdin=bad)
    assert result.code == 1
    assert "mind-probe: error: stdin:2: not a JSON value" in result.stderr
    assert "hint: " in result.stderr and "--skip-bad" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_lines_may_pass_up_to_a_number(program: Path, tmp_path: Path) -> None:
    bad = encode({"id": "1"}) + b"{broken\n\xff\n" + encode({"id": "2"})
    assert probe(program, "--skip-bad", 1, stdin=bad).code == 1
    assert probe(program, "--skip-bad", "some", stdin=bad).code == 2
    result = probe(
        program,
        "--skip-bad",
        "all",
        "--rejects",
        tmp_path / "r",
        "--summary",
        tmp_path / "s",
        stdin=bad,
    )
    assert result.code == 0 and len(result.records) == 2
    assert read_json(tmp_path / "s")["bad"] == {"broken_utf8": 1, "not_json": 1}
    first, second = (r["metadata"]["mind"]["rejected"] for r in read_records([tmp_path / "r"]))
    assert first["line"] == "{broken" and first["position"] == "stdin:2"
    assert second["line_base64"] == "/w=="


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("do", "code"), [("crash", 1), ("gate", 3)])
def test_errors_end_with_their_code(
    program: Path, tmp_path: Path, jobs: int, do: str, code: int
) -> None:
    result = probe(program, "-j", jobs, "-o", tmp_path / "o", stdin=DATA + encode({"do": do}))
    assert result.code == code
    assert "mind-probe: error: " in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("do", ["crash", "die"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_tool_that_dies_fails_the_whole_chain(
    program: Path, tmp_path: Path, do: str, jobs: int
) -> None:
    (tmp_path / "in").write_bytes(DATA + encode({"do": do}))
    result = shell(program, f"PROBE -j {jobs} in | PROBE | PROBE -o out", tmp_path)
    assert result.code != 0
    assert not (tmp_path / "out").exists()
    last = shell(program, f"set +o pipefail; PROBE -j {jobs} in | PROBE -o out", tmp_path)
    assert last.code == 1, "the last tool alone must notice"
    assert "the stream ends inside" in last.stderr or "no input at all" in last.stderr


def test_a_mistyped_first_command_fails_the_chain(program: Path, tmp_path: Path) -> None:
    result = shell(program, "set +o pipefail; PROBE --no-such-option | PROBE -o out", tmp_path)
    assert result.code == 1
    assert "No such option" in result.stderr and "no input at all" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_reader_that_goes_away_ends_all_quietly(program: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(DATA * 40)
    for jobs in (1, 2):
        result = shell(
            program,
            f"PROBE -j {jobs} in | PROBE -z 0 | head -n 2; echo ${{PIPESTATUS[@]}}",
            tmp_path,
        )
        assert result.stdout.split(b"\n")[2] == b"0 0 0", result.stderr
        assert "error" not in result.stderr


@pytest.mark.parametrize("arguments", [["--no-such"], ["-j", "0"], ["-z", "99"], ["-j", "x"]])
def test_wrong_usage_is_2(program: Path, arguments: list[str]) -> None:
    result = probe(program, *arguments)
    assert result.code == 2
    assert result.stderr.startswith("mind-probe: error: ") and "hint: " in result.stderr
    assert result.stdout == b""


def test_help_teaches(program: Path) -> None:
    for flag in ("-h", "--help"):
        result = probe(program, flag)
        text = result.stdout.decode()
        assert result.code == 0
        for part in ("Examples:\n", "mind-probe < a", "Exit codes: ", "Memory: little."):
            assert part in text


def test_levels(program: Path, tmp_path: Path) -> None:
    plain = probe(program, "-z", 0).stdout
    assert plain.startswith(b"{")
    packed = probe(program).stdout
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed) == plain
    assert orjson.loads(plain.split(b"\n")[0])["seen"] is True


def test_variables_come_after_flags(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIND_LEVEL", "0")
    assert probe(program).stdout.startswith(b"{")
    assert probe(program, "-z", 1).stdout.startswith(b"\x28\xb5\x2f\xfd")


def test_quiet_and_progress(program: Path) -> None:
    assert probe(program, "-q").stderr == ""
    assert "records" in probe(program, "-q", "--progress").stderr


@contextmanager
def waiting(
    program: Path, *arguments: str, folder: Path, ignored: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program until a worker waits; nothing of it is left afterwards, come what may."""

    def start() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, program, "in", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=start,  # this test may run where SIGINT is ignored: in a script's background
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == b"waiting\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_is_130(program: Path, tmp_path: Path, jobs: str) -> None:
    (tmp_path / "in").write_bytes(DATA * 10 + encode({"do": "wait"}) * 3)
    with waiting(program, "-j", jobs, folder=tmp_path) as process:
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130, stderr
    assert b"interrupted" in stderr


def test_an_interrupt_that_is_to_be_ignored_is_ignored(program: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(encode({"do": "wait"}))
    with waiting(program, folder=tmp_path, ignored=True) as process:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)


@pytest.mark.parametrize("jobs", ["1", "2", "8"])
def test_sigterm_stops_at_once_and_cleans_up(program: Path, tmp_path: Path, jobs: str) -> None:
    (tmp_path / "in").write_bytes(DATA + encode({"do": "wait"}) * 9)
    with waiting(program, "-o", "out", "-j", jobs, folder=tmp_path) as process:
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 130
        with pytest.raises(ProcessLookupError):  # no worker is left
            os.killpg(process.pid, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_more_workers_than_the_machine_can_take_are_refused(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores = usable_cores()
    most = max(options.JOBS_ANYWHERE, options.JOBS_PER_CORE * cores)
    assert options.check_jobs(most) == most
    for arguments, variable in (["-j", str(most + 1)], "1"), ([], "100000"):
        monkeypatch.setenv("MIND_JOBS", variable)
        result = probe(program, *arguments)
        assert result.code == 2 and "more than this machine can take" in result.stderr
        assert f"-j {cores}" in result.stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_ends_the_program_is_told(program: Path, jobs: int) -> None:
    result = probe(program, "-j", jobs, stdin=encode({"do": "exit"}))
    assert result.code == 1
    assert "SystemExit" in result.stderr or "sys.exit(0)" in result.stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_nothing_gets_between_the_records(program: Path, jobs: int) -> None:
    result = probe(program, "-z", 0, "-j", jobs, stdin=encode({"do": "write"}) * 3)
    assert result.code == 0 and len(result.records) == 3
    assert result.stderr.count("from C\n") == 3
    result = probe(program, "-z", 0, "-j", jobs, stdin=encode({"do": "print"}))
    assert result.code == 1 and result.stdout == b""
    assert "carries the records" in result.stderr


def test_a_full_disk_behind_stdout_is_told(program: Path, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    (tmp_path / "in").write_bytes(DATA)
    result = shell(program, "PROBE in > /dev/full", tmp_path)
    assert result.code == 1
    assert "No space left" in result.stderr


@pytest.mark.parametrize("side", ["--rejects", "--summary"])
def test_a_side_output_that_fails_leaves_no_output(
    program: Path, tmp_path: Path, side: str
) -> None:
    (tmp_path / "in").write_bytes(DATA)
    (tmp_path / "folder").mkdir()
    for target in ("folder", "nowhere/file"):
        result = shell(
            program, f"set +o pipefail; PROBE in {side} {target} | PROBE -o out", tmp_path
        )
        assert result.code == 1, target
        assert not (tmp_path / "out").exists()
        assert shell(program, f"PROBE in {side} {target} -o out", tmp_path).code == 1
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "names", ["-o out --rejects out", "-o out --summary ./out", "-o in", "--rejects -"]
)
def test_files_that_would_overwrite_each_other_are_refused(
    program: Path, tmp_path: Path, names: str
) -> None:
    (tmp_path / "in").write_bytes(DATA)
    result = shell(program, f"PROBE in {names}", tmp_path)
    assert result.code == 2 and "hint: " in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert (tmp_path / "in").read_bytes() == DATA


def test_closed_streams_are_no_crash(program: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(DATA)
    assert shell(program, "PROBE in -o out >&-", tmp_path).code == 0
    result = shell(program, "PROBE <&-", tmp_path)
    assert result.code == 1 and "no input at all" in result.stderr


def test_a_record_too_deep_to_write_is_bad(program: Path, tmp_path: Path) -> None:
    deep = b'{"x":' + b"[" * 300 + b"]" * 300 + b"}\n"
    fine = b'{"x":' + b"[" * 200 + b"]" * 200 + b',"y":"' + b"[{" * 300 + b'"}\n'
    assert "nested more than" in probe(program, stdin=fine + deep).stderr
    assert len(probe(program, "--skip-bad", 1, stdin=fine + deep).records) == 1


def test_a_wrong_kind_of_file_is_told(program: Path, tmp_path: Path) -> None:
    (tmp_path / "array").write_text('[{"id": "1"}]')
    assert "JSON Lines" in probe(program, tmp_path / "array").stderr
    assert "give its files" in probe(program, tmp_path).stderr
    assert probe(program, "-", "-").code == 2
