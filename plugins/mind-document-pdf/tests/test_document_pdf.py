"""PDF: its text in paragraphs, and a cause for what has none."""

from pathlib import Path

import pytest

pypdf = pytest.importorskip("pypdf")

from mind_document_pdf import Pdf, joined  # noqa: E402

from mind_core.testing import run_tool  # noqa: E402


def pdf(pages: list[list[str]], title: str = "") -> bytes:
    """Return a small PDF by hand; Chinese in the font STSong, as printers' drivers write it."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    font = (
        "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H "
        "/DescendantFonts [<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> >>] >>"
    )
    kids = []
    for lines in pages:
        shown = "".join(f"<{line.encode('utf-16-be').hex()}> Tj 0 -20 Td " for line in lines)
        stream = f"BT /F1 12 Tf 72 720 Td {shown} ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {len(objects)} 0 R "
            f"/Resources << /Font << /F1 {font} >> >> >>"
        )
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    objects.append(f"<< /Title <feff{title.encode('utf-16-be').hex()}> >>")
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    return (
        data
        + (
            f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer << /Size "
            f"{len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\nstartxref\n"
            f"{len(data)}\n%%EOF"
        ).encode()
    )


LINES = [
    "春江潮水连海平，海上明月共潮",
    "生。滟滟随波千万里，何处春江无",
    "月明。",
    "江流宛转绕芳甸。",
]


def test_lines_become_paragraphs(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf([LINES], "春江花月夜"))
    [record] = Pdf()(tmp_path / "a.pdf")
    assert record["text"] == (
        "春江潮水连海平，海上明月共潮生。滟滟随波千万里，何处春江无月明。\n\n江流宛转绕芳甸。"
    )
    assert record["metadata"] == {"title": "春江花月夜", "pages": 1}


def test_english_lines_are_joined_with_spaces_and_hyphens() -> None:
    lines = [
        "A paragraph of several lines, which ends in a hyphen-",
        "ated word and goes on to the right margin of the",
        "page.",
        "",
        "Another one.",
    ]
    assert joined(lines) == (
        "A paragraph of several lines, which ends in a hyphenated word and goes on to the right "
        "margin of the page.\n\nAnother one."
    )


def test_headers_and_numbers_of_pages_are_left_out(tmp_path: Path) -> None:
    pages = [["唐诗选", f"第{n}页的正文到此为止。", f"- {n} -"] for n in range(1, 7)]
    (tmp_path / "a.pdf").write_bytes(pdf(pages))
    [record] = Pdf()(tmp_path / "a.pdf")
    assert record["text"].split("\n\n") == [f"第{n}页的正文到此为止。" for n in range(1, 7)]
    assert record["metadata"]["running_lines"] == 12


@pytest.mark.parametrize("name", ["scan", "cut", "no_pdf"])
def test_what_cannot_be_read_has_its_cause(tmp_path: Path, name: str) -> None:
    data = {"scan": pdf([[]]), "cut": pdf([LINES])[:200], "no_pdf": b"%PDF-1.4\nnothing"}[name]
    (tmp_path / "a.pdf").write_bytes(data)
    with pytest.raises(ValueError, match="needs OCR" if name == "scan" else "damaged"):
        list(Pdf()(tmp_path / "a.pdf"))


def test_the_tool_reads_it(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf([LINES]))
    (tmp_path / "b.pdf").write_bytes(pdf([[]]))
    done = run_tool(
        "mind-clean", ["--from", "files", "--step", "whitespace", "--skip-bad", "all", tmp_path]
    )
    assert done.code == 0, done.stderr
    assert [record["id"] for record in done.records] == [str(tmp_path / "a.pdf")]
    assert "1 bad" in done.stderr
