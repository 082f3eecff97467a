"""Files of other formats, known by their first bytes, each with the one line that turns it."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from mind_core.errors import MindError

SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"PAR1", "Parquet", "parquet"),
    (b"ORC", "ORC", "orc"),
    (b"ARROW1", "Arrow", "arrow"),
    (b"\xff\xff\xff\xff", "Arrow", "arrow"),
    (b"Obj\x01", "Avro", "avro"),
    (b"\x89HDF\r\n\x1a\n", "HDF5", ""),
    (b"SQLite format 3\x00", "an SQLite database", ""),
    (b"\xfd7zXZ\x00", "compressed with xz inside", "xzcat"),
    (b"BZh", "compressed with bzip2 inside", "bzcat"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "lz4cat"),
    (b"LZIP", "compressed with lzip", "lzip -dc"),
    (b"\x5d\x00\x00", "compressed with lzma", "xzcat --format=lzma"),
    (b"\xff\x06\x00\x00sNaPpY", "compressed with snappy", "snzip -dc"),
    (b"\x1f\x9d", "compressed with compress", "zcat"),
    (b"PK\x03\x04", "a zip archive", "unzip -p"),
    (b"PK\x05\x06", "an empty zip archive", ""),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x -so"),
    (b"Rar!\x1a\x07", "a rar archive", "unrar p -inul"),
    # UTF-32 first: its mark of little-endian text begins with that of UTF-16.
    (b"\x00\x00\xfe\xff", "text in UTF-32", "iconv -f utf-32 -t utf-8"),
    (b"\xff\xfe\x00\x00", "text in UTF-32", "iconv -f utf-32 -t utf-8"),
    (b"\xff\xfe", "text in UTF-16", "iconv -f utf-16 -t utf-8"),
    (b"\xfe\xff", "text in UTF-16", "iconv -f utf-16 -t utf-8"),
    (b"{\x00", "text in UTF-16", "iconv -f utf-16le -t utf-8"),
    (b"\x00{", "text in UTF-16", "iconv -f utf-16be -t utf-8"),
    (b"WARC/", "a web archive (WARC, WET or WAT)", "warc"),
    (b"%PDF", "PDF", "pdftotext"),
    (b"\x93NUMPY", "a numpy array", ""),
    (b"\x80\x02", "a pickle", "pickle"),
    (b"\x80\x03", "a pickle", "pickle"),
    (b"\x80\x04", "a pickle", "pickle"),
    (b"\x80\x05", "a pickle", "pickle"),
    (b"<!DOCTYPE", "a page of HTML", "html"),
    (b"<!doctype", "a page of HTML", "html"),
    (b"<html", "a page of HTML", "html"),
    (b"<HTML", "a page of HTML", "html"),
    (b"<mediawiki", "a dump of MediaWiki", "wiki"),
    (b"<?xml", "XML", ""),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd twice", "zstdcat"),
    (b"\x1f\x8b", "compressed with gzip inside", "zcat"),
)  # fmt: skip
"""First bytes of the decompressed content, what that is, and the command that turns it."""

# A tar archive begins with a name; the magic word stands behind it (POSIX ustar).
_TAR = (257, b"ustar")
_FRAMES = (
    'python -c "import sys, pandas; pandas.read_{}(sys.argv[1]).to_json(sys.stdout, '
    "orient='records', lines=True, force_ascii=False)\""
)
_ADDRESS = re.compile(r"(https?|ftp|s3|gs|az|hf|oss)://.+", re.DOTALL)
_HUB = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
_SOMETHING_ELSE = "turn it into JSON Lines, one object on a line"


def check_not_foreign(start: bytes, name: str) -> None:
    """Raise `MindError` if content begins like a format that is not JSON Lines.

    `start` is the decompressed content as far as it is there; a kilobyte is enough.
    """
    at, magic = _TAR
    if start[at : at + len(magic)] == magic:
        raise _foreign(name, "a tar archive", f"`tar xOf {_shell(name)} | …` takes its files")
    for magic, what, turn in SIGNATURES:
        if start.startswith(magic):
            raise _foreign(name, what, _way(turn, name))


def looks_like_gbk(raw: bytes) -> bool:
    """Return whether bytes that are not UTF-8 are Chinese in GBK.

    Nine in ten pairs of real text are among the 3,755 common characters of GB 2312 (rows B0 to D7);
    UTF-8 taken for GBK has fewer than half of its pairs there.
    """
    pairs = common = place = 0
    while place < len(raw) - 1:
        # ASCII, one byte; others are pairs of a lead byte 81 to FE and a second one from 40 on.
        if raw[place] < 0x81:
            place += 1
            continue
        if not 0x40 <= raw[place + 1] <= 0xFE:
            return False
        pairs += 1
        row = raw[place]
        # Rows A1 to A3 are punctuation, numbers and wide letters.
        common += (0xB0 <= row <= 0xD7 or 0xA1 <= row <= 0xA3) and raw[place + 1] > 0xA0
        place += 2
    return pairs > 0 and common >= 0.75 * pairs


def missing(item: str | Path, cause: str | None) -> MindError:
    """Return the error for an input that is not there: an address and a hub's name say so."""
    name = str(item)
    hint = "check the path; '-' or no file reads stdin"
    if Path(item).is_dir():
        cause, hint = "it is a folder", f"give its files: {item}/*.jsonl.zst"
        if made := _made_by(Path(item)):
            cause, hint = "it is a folder without records", made
    elif scheme := _ADDRESS.fullmatch(name):
        cause = "it is an address, which jobs alone read (--into)"
        fetch = {"s3": "aws s3 cp {} -", "gs": "gcloud storage cat {}", "hf": "hf download {}"}
        command = fetch.get(scheme[1], "curl -fL {}").format(_shell(name))
        hint = f"`{command} | …`" if scheme[1] != "hf" else f"fetch it first, `{command}`"
    elif name in ("list", "plugins", "version", "help"):
        hint = f"it is an option: --{name}"
    elif near := _near(Path(item)):
        hint = near
    elif _HUB.fullmatch(name) and not Path(name).parent.exists():
        cause = "there is no such file; it may be the name of a data set on a hub"
        hint = f"fetch it first, `hf download --repo-type dataset {name} --local-dir data`"
    return MindError(f"cannot read {item}", cause=cause, hint=hint)


def _made_by(folder: Path) -> str:
    """Return what a folder of these tools that holds no records is for; empty for any other."""
    from mind_core.files import read_json

    ways = {
        "mind-shards": "-o was forgotten before it, or `mind-tok decode` makes text of its tokens",
        "mind-tokenizer": "a tokenizer is given with -t",
        "mind-checkpoint": "a model is given with --model or --from",
        "mind-index": "an index is given with --index",
    }
    try:
        return ways.get(str(read_json(folder / "manifest.json").get("format")), "")
    except MindError:
        return ""


def _near(path: Path) -> str:
    """Return "did you mean …?" with the files of that folder that are called alike."""
    try:
        names = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError:
        return ""
    close = difflib.get_close_matches(path.name, names, n=2, cutoff=0.75)
    return (
        f"did you mean {' or '.join(str(path.parent / name) for name in close)}?" if close else ""
    )


def _foreign(name: str, what: str, hint: str) -> MindError:
    return MindError(f"{name} is {what}, not JSON Lines", hint=hint)


def _way(turn: str, name: str) -> str:
    file = _shell(name)
    match turn:
        case "":
            return _SOMETHING_ELSE
        case "parquet" if name == "stdin":
            return "it is read from its end, so not from a pipe: give the file"
        case "parquet":
            return f"decompress {file} first: Parquet is read from its end, and is small by itself"
        case "orc":
            return f"`{_FRAMES.format(turn)} {file} | …` with pandas and pyarrow"
        case "arrow":
            return "call the file .arrow, and do not compress it: then it is read"
        case "avro":
            return "turn it into JSON Lines; the library datasets has `Dataset.to_json`"
        case "warc":
            return (
                f"`mind-clean --from warc {file}` reads the pages of a .warc.gz; "
                "texts are read by every tool if the file is called .wet or .wet.gz"
            )
        case "pdftotext":
            return f"`pdftotext {file} - | jq -Rsc '{{id: \"1\", text: .}}' | …`"
        case "pickle":
            return "a pickle can run code: have whoever made it write JSON Lines"
        case "html":
            return "`jq -Rsc '{id: input_filename, html: .}' *.html | mind-clean …`"
        case "wiki":
            return f"`wikiextractor --json -o - {file} | …`"
    return f"`{turn} {file} | …`" if name != "stdin" else f"`… | {turn} | …`"


def _shell(name: str) -> str:
    """Return a name as it is written in a shell."""
    import shlex

    return "FILE" if name == "stdin" else shlex.quote(name)
