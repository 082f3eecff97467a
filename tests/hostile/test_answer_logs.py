"""What was asked and answered is for its owner alone, and no log is written over another file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mind_core.errors import MindError


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.hostile("a log that others could read")
def test_answer_logs_are_for_their_owner_alone(tmp_path: Path) -> None:
    from mind_domain.requests import Request, open_log
    from mind_domain.teachers import Decoding, Reply
    from mind_eval.response_cache import ResponseCache, WrittenText

    with open_log(tmp_path / "log") as log:
        log.add(
            Request("w", ({"role": "user", "content": "?"},), Decoding()), Reply("a", "stop", 1)
        )
    assert mode_of(tmp_path / "log") == 0o600
    with open_log(tmp_path / "log") as log:
        assert len(log.answers) == 1
    for _ in range(2):
        cache = ResponseCache(tmp_path / "answers")
        cache.add({"key": WrittenText("text", False)})
        cache.close()
    assert mode_of(tmp_path / "answers" / "rank-0.jsonl") == 0o600
    assert ResponseCache(tmp_path / "answers").found == {"key": "text"}


@pytest.mark.hostile("a log in the place of another file")
@pytest.mark.parametrize("content", [b"a private key", b"", b"{}", b'{"k'])
def test_a_log_is_no_link_and_empties_no_other_file(tmp_path: Path, content: bytes) -> None:
    from mind_domain.requests import open_log
    from mind_eval.response_cache import ResponseCache

    secret = tmp_path / "secret"
    secret.write_bytes(content)
    (tmp_path / "log").symlink_to(secret)
    with pytest.raises(MindError), open_log(tmp_path / "log"):
        pass
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "rank-0.jsonl").symlink_to(secret)
    with pytest.raises(MindError):
        ResponseCache(tmp_path / "answers")
    assert secret.read_bytes() == content
    if content and not b'{"key":'.startswith(content):
        with pytest.raises(MindError, match="no line of a log"), open_log(secret):
            pass
        assert secret.read_bytes() == content


@pytest.mark.hostile("accept: a log of a run that was killed")
def test_a_log_that_was_cut_goes_on(tmp_path: Path) -> None:
    from mind_domain.requests import open_log

    path = tmp_path / "log"
    line = b'{"key":"1","text":"a","finish":"stop","tokens":1}\n'
    path.write_bytes(line + line[:20])
    with open_log(path) as log:
        assert list(log.answers) == ["1"]
    assert path.read_bytes() == line
