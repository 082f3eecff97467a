"""Books and documents come in by `--from files`, each file or chapter as a record."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mind_clean.documents.files import file_batches, files_in
from mind_clean.documents.texts import bounded_bytes
from mind_clean.pipeline import CleanOptions, make_plugins, run_clean
from mind_clean.steps import effective_recipe
from mind_core import Record
from mind_core.errors import BadRecord, UsageError
from mind_core.plugins import Plugins
from mind_core.records import decode
from mind_core.runner import StreamOptions
from mind_core.stream import read_records

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)
PACKAGE = (
    '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<metadata><dc:title>红楼梦</dc:title><dc:creator>曹雪芹</dc:creator></metadata><manifest>"
    '<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
    '<item id="z" href="z.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="a" href="a%20b.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="s" href="notes.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="i" href="cover.png" media-type="image/png"/></manifest><spine><itemref idref="n"/>'
    '<itemref idref="z"/><itemref idref="i"/><itemref idref="s" linear="no"/>'
    '<itemref idref="a"/></spine></package>'
)
ENCRYPTED = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
    'xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptedData><e:EncryptionMethod '
    'Algorithm="{}"/><e:CipherData><e:CipherReference URI="OEBPS/z.xhtml"/></e:CipherData>'
    "</e:EncryptedData></encryption>"
)
UTF_16 = f'<!DOCTYPE p [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>{PACKAGE}'.encode("utf-16")
FILES = {
    "META-INF/container.xml": CONTAINER,
    "OEBPS/book.opf": PACKAGE,
    "OEBPS/nav.xhtml": "<html><body>目录</body></html>",
    "OEBPS/z.xhtml": "<html><body><h2>第一回</h2><p>此开卷第一回也。作者自云。</p></body></html>",
    "OEBPS/a b.xhtml": "<html><body><h2>第二回</h2><p>却说封肃因听见公差传唤。</p></body></html>",
    "OEBPS/notes.xhtml": "<html><body>注</body></html>",
}


def epub(path: Path, **changed: str | bytes | None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**FILES, **changed}.items():
            if content is not None:
                archive.writestr(name, content)
    return path


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return make_plugins()


def read(plugins: Plugins, *inputs: Path) -> Iterator[Record | str]:
    for batch in file_batches(plugins, files_in(plugins, [str(item) for item in inputs])):
        for number, line in batch.lines():
            try:
                yield decode(line, batch.position(number))
            except BadRecord as error:
                yield f"{error.reason}: {error.cause}"


def test_a_text_is_a_record_whatever_its_charset(tmp_path: Path, plugins: Plugins) -> None:
    text = "春江潮水连海平，海上明月共潮生。" * 20
    for charset in ("utf-8", "utf-8-sig", "gb18030", "big5hkscs", "utf-16"):
        (tmp_path / "a.txt").write_bytes(f"{text}\r\n二".encode(charset, "replace"))
        [record] = read(plugins, tmp_path / "a.txt")
        assert isinstance(record, dict)
        expected = f"{text}\n二".encode(charset, "replace").decode(charset)
        assert record["text"] == expected, charset
        assert record["id"] == str(tmp_path / "a.txt")
        assert record["metadata"]["file"] == "a.txt"


def test_markdown_loses_its_front_matter_to_metadata(tmp_path: Path, plugins: Plugins) -> None:
    (tmp_path / "a.md").write_text("---\ntags: [x]\n---\n\n# 标题 #\n\n正文\n\n---\nfoot\n---\n")
    [record] = read(plugins, tmp_path / "a.md")
    assert isinstance(record, dict)
    assert record["text"] == "# 标题 #\n\n正文\n\n---\nfoot\n---\n"
    assert record["metadata"] == {"file": "a.md", "front_matter": "tags: [x]", "title": "标题"}


def test_a_book_is_its_chapters_in_reading_order(tmp_path: Path) -> None:
    book = epub(tmp_path / "hlm.epub")
    out = tmp_path / "out"
    plugins = make_plugins()
    recipe = effective_recipe(plugins, None, ["blocks"])
    stream = StreamOptions((str(book),), out, quiet=True, progress=False)
    run_clean(plugins, recipe, stream, CleanOptions(read_as="files"))
    first, second = read_records([out])
    assert (first["id"], second["id"]) == (f"{book}#1", f"{book}#2")
    assert first["text"].startswith("第一回\n\n此开卷")
    assert second["text"].startswith("第二回\n\n却说")
    expected = {"file": "hlm.epub", "title": "红楼梦", "creator": "曹雪芹", "chapter": 2}
    assert expected.items() <= second["metadata"].items()


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"META-INF/container.xml": None}, "no EPUB: it has no META-INF"),
        ({"OEBPS/book.opf": None}, "names no package document"),
        ({"OEBPS/a b.xhtml": None}, "its spine names 'OEBPS/a b.xhtml', which is not there"),
        ({"OEBPS/book.opf": PACKAGE[:-9]}, "its XML is damaged"),
        ({"OEBPS/book.opf": f'<!DOCTYPE p [<!ENTITY a "b">]>{PACKAGE}'}, "declares entities"),
        ({"OEBPS/book.opf": UTF_16}, "declares entities"),
        ({"META-INF/encryption.xml": ENCRYPTED.format("http://x/aes")}, "DRM"),
        ({"OEBPS/z.xhtml": "a" * (1 << 26)}, "becomes too large"),
    ],
)
def test_a_book_that_cannot_be_read_is_a_bad_record(
    tmp_path: Path, plugins: Plugins, changed: dict[str, str | bytes | None], cause: str
) -> None:
    path = tmp_path / "b.epub"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**FILES, **changed}.items():
            if content is not None:
                archive.writestr(name, content)
    found = list(read(plugins, path))
    assert isinstance(found[-1], str)
    assert found[-1].startswith("damaged_document: ")
    assert cause in found[-1]


def test_fonts_that_are_only_hard_to_copy_are_no_protection(
    tmp_path: Path, plugins: Plugins
) -> None:
    codings = ENCRYPTED.format("http://www.idpf.org/2008/embedding")
    found = list(read(plugins, epub(tmp_path / "b.epub", **{"META-INF/encryption.xml": codings})))
    assert [type(one) for one in found] == [dict, dict]


def test_folders_are_walked_and_what_is_passed_over_is_said(
    tmp_path: Path, plugins: Plugins, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in" / ".git").mkdir(parents=True)
    for name in ("b.txt", "a.MD", ".git/c.txt", "d.jpg", "e.jpg"):
        (tmp_path / "in" / name).write_text("x")
    found = files_in(plugins, [str(tmp_path / "in")])
    assert [Path(name).name for name in found] == ["a.MD", "b.txt"]
    assert "passed over: jpg 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "hint"), [("a.docx", "read are"), ("a.epud", "did you mean epub"), ("-", "folders")]
)
def test_what_is_no_document_is_told(
    tmp_path: Path, plugins: Plugins, name: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        files_in(plugins, [name])
    assert hint in str(caught.value.hint)
    with pytest.raises(UsageError, match="no document"):
        files_in(plugins, [str(tmp_path)])


def test_bytes_that_are_no_text_are_a_bad_record(tmp_path: Path, plugins: Plugins) -> None:
    (tmp_path / "a.txt").write_bytes(bytes(range(256)) * 20)
    [found] = read(plugins, tmp_path / "a.txt")
    assert "no text in any charset" in str(found)


def test_a_file_may_have_64_mebibytes_and_no_byte_more(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.touch()
    os.truncate(path, 64 << 20)
    assert len(bounded_bytes(path)) == 64 << 20
    os.truncate(path, (64 << 20) + 1)
    with pytest.raises(ValueError, match="more than 64 MiB"):
        bounded_bytes(path)
