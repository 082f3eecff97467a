"""Each built-in signature: what it takes for the same, and what not."""

import pytest

from mind_core.errors import UsageError
from mind_core.testing import check_signature
from mind_dedup.signatures.exact import Exact, Normalized, Url
from mind_dedup.signatures.minhash import MinHash

POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
PAGE = "How to install the program: unpack the archive, read the notes, and run the installer."


def test_exact() -> None:
    check_signature(
        Exact, same=[(POEM, POEM), ("", "")], different=[(POEM, POEM + "\n"), ("", " ")]
    )


def test_normalized() -> None:
    check_signature(
        Normalized,
        same=[
            (PAGE, PAGE.upper()),
            (POEM, "床前明月光疑是地上霜\n举头望明月\n低头思故乡"),
            ("Ａ１", "a1"),
        ],
        different=[(POEM, POEM.replace("霜", "雪")), ("!!!", "???"), ("", " ")],
    )


def test_minhash() -> None:
    check_signature(
        MinHash,
        same=[(PAGE, PAGE.upper()), (POEM, POEM.replace("，", ","))],
        different=[(PAGE, POEM), ("天地玄黄", "天地玄青"), ("!!!", "???")],
    )


def keys(url: object) -> object:
    return Url()({"url": url})


def test_url() -> None:
    one = keys("https://example.org/a/b?x=1")
    for same in (
        "http://example.org/a/b?x=1",
        "https://EXAMPLE.org:443/a/b?x=1#part",
        " https://example.org/a/b/?x=1 ",
    ):
        assert keys(same) == one, same
    for other in (
        "https://example.org/a/B?x=1",
        "https://example.org/a/b",
        "https://example.org:8080/a/b?x=1",
        "https://www.example.org/a/b?x=1",
    ):
        assert keys(other) != one, other
    assert keys(None) == keys("") == keys(7) == Url()({}) == ()
    assert keys("http://[broken") == (b"http://[broken",)


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.0},
        {"threshold": 1.5},
        {"slots": 100},
        {"bands": -1},
        {"slots": 1},
        {"slots": 8, "bands": 16},
    ],
)
def test_minhash_refuses_what_cannot_be(options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        MinHash(**options)  # type: ignore[arg-type]
