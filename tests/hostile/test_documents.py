"""Books and documents that would take all time, memory, or the terminal."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from input_formats import CONTAINER, PACKAGE

from mind_clean.documents.files import file_batches, within_limits
from mind_clean.pipeline import make_plugins
from mind_core import Record
from mind_core.batches import refusal
from mind_core.record_limits import TooSlow
from mind_core.testing import run_tool

LAUGHS = "<!DOCTYPE x [" + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha" * 40}">' for n in range(12)
) + "]>"  # fmt: skip
ITEM = '<itemref idref="a"/>'
BOOKS: dict[str, str | bytes] = {
    "entities": LAUGHS + PACKAGE.replace("T<", "&a11;<"),
    "entities in UTF-16": (LAUGHS + PACKAGE.replace("T<", "&a11;<")).encode("utf-16"),
    "a file": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
    + PACKAGE.replace("T<", "&e;<"),
    "elements": PACKAGE.replace("<manifest>", "<manifest>" + "<a/>" * (5 << 20)),
    "outside": PACKAGE.replace("a.xhtml", "../../../etc/hostname"),
    "a name that steers": PACKAGE.replace("a.xhtml", "%1b%5b2J"),
}


def refused_of(path: Path) -> list[str]:
    """Return why a document was refused, of each line that stands for it."""
    lines = [line for batch in file_batches(make_plugins(()), [str(path)])
             for _, line in batch.lines()]  # fmt: skip
    return [told[1] if (told := refusal(line)) else "" for line in lines]


def book(path: Path, package: str | bytes, page: str = "<p>Hi there</p>") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("o/p.opf", package)
        archive.writestr("o/a.xhtml", page)
    return path


@pytest.mark.hostile("a book that asks for more than it holds, or for files")
@pytest.mark.parametrize("kind", BOOKS)
def test_a_book_is_refused(tmp_path: Path, kind: str) -> None:
    assert refused_of(book(tmp_path / "sound.epub", PACKAGE)) == [""]
    assert all(refused_of(book(tmp_path / "a.epub", BOOKS[kind])))


@pytest.mark.hostile("a book that asks for more than it holds, or for files")
def test_a_page_that_is_named_often_is_read_once(tmp_path: Path) -> None:
    """Each naming was a chapter: 5 kB became 5 GB."""
    package = PACKAGE.replace(ITEM, ITEM * 100_000)
    assert refused_of(book(tmp_path / "a.epub", package, "<p>" + "x" * 50_000)) == [""]


@pytest.mark.hostile("a document that takes forever")
@pytest.mark.parametrize("text", ["# a" + " #" * 200_000 + "x\n", "# " + "a " * 200_000 + "#x"])
def test_a_heading_takes_linear_time(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.md").write_text(text)
    assert refused_of(tmp_path / "a.md") == [""]


@pytest.mark.hostile("a document that takes forever")
def test_a_reader_has_limits(tmp_path: Path) -> None:
    """The stream goes on behind a document that is never read to its end."""
    (tmp_path / "a.txt").write_text("text")

    def endless() -> Iterator[Record]:
        yield {"text": "a"}
        while True:
            pass

    found = within_limits(endless(), tmp_path / "a.txt", 0.01)
    assert next(found) == {"text": "a"}
    with pytest.raises(TooSlow):
        next(found)

    def large() -> Iterator[Record]:
        yield {"text": "x" * (3 << 30)}

    with pytest.raises(MemoryError):
        next(within_limits(large(), tmp_path / "a.txt", 10))


@pytest.mark.filterwarnings("error")
def test_readers_are_closed_without_a_word(tmp_path: Path) -> None:
    """What stops reading early once saw "generator ignored GeneratorExit"."""
    (tmp_path / "a.txt").write_text("text\n" * 10)
    lines = file_batches(make_plugins(()), [str(tmp_path / "a.txt")] * 3, batch_bytes=1)
    next(lines)
    lines.close()  # type: ignore[attr-defined]


def pdf(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """Write objects as a file, with a table of where each lies."""
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    table += b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    end = b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, len(out))
    return out + table + end


def page(
    content: bytes = b"BT /F1 12 Tf 50 700 Td (Sound text.) Tj ET", notes: bytes = b""
) -> list[bytes]:
    return [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 5 0 R "
        b"/Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), notes, content),
    ]


def replaced(number: int, content: bytes) -> bytes:
    return pdf(*[content if n == number else one for n, one in enumerate(page(), 1)])


def tree() -> bytes:
    """Pages that name the next level twice, 40 levels."""
    kids = [b"<< /Type /Pages /Kids [%d 0 R %d 0 R] /Count 2 >>" % (n, n) for n in range(3, 42)]
    return pdf(page()[0], *kids, b"<< /Type /Page /MediaBox [0 0 6 8] >>")


PDFS = {
    "a bomb": lambda: pdf(*page(zlib.compress(b" " * (1 << 28), 9), b"/Filter /FlateDecode")),
    "pages of itself": lambda: replaced(2, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"),
    "a length of itself": lambda: replaced(5, b"<< /Length 5 0 R >>\nstream\nx\nendstream"),
    "a tree": tree,
    "many pages": lambda: replaced(2, b"<< /Kids [" + b"3 0 R " * 200_000 + b"] /Count 1 >>"),
    "a table without end": lambda: (
        b"%PDF-1.4\nxref\n0 9999999999\ntrailer<</Size 9999999999/Root 1 0 R>>\nstartxref\n9\n%%EOF"
    ),
    "nothing": lambda: b"%PDF-1.4\n",
    "brackets": lambda: b"%PDF-1.4\n" + b"1 0 obj\n<<" * 100_000,
}


@pytest.mark.hostile("a PDF that asks for more than it holds")
@pytest.mark.parametrize("kind", PDFS)
def test_a_pdf_is_refused(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("mind_document_pdf")
    (tmp_path / "sound.pdf").write_bytes(pdf(*page()))
    (tmp_path / "a.pdf").write_bytes(PDFS[kind]())
    assert refused_of(tmp_path / "sound.pdf") == [""]
    assert all(refused_of(tmp_path / "a.pdf"))


@pytest.mark.hostile("text that steers a terminal")
@pytest.mark.fresh_process
def test_what_is_said_of_a_pdf_steers_no_terminal(tmp_path: Path) -> None:
    """The library says what it found in the file, in messages of its own."""
    pytest.importorskip("mind_document_pdf")
    steering = b"<< /Type /Font /Subtype /TrueType /BaseFont /\x1b]0;owned\x07 /FirstChar -9 >>"
    (tmp_path / "a.pdf").write_bytes(replaced(4, steering))
    done = run_tool("mind-clean", ["--from", "files", tmp_path / "a.pdf", "-z", "0"])
    assert done.code == 0 and len(done.stderr.splitlines()) == 1, done.stderr
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.stderr)
