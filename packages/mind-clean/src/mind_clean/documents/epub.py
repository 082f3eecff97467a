"""EPUB: the chapters of a book in the order in which they are read.

EPUB 3.3, §5 and §6 (https://www.w3.org/TR/epub-33/): `META-INF/container.xml` names the package
document, whose spine lists the chapters.
"""

from __future__ import annotations

import base64
import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.parsers import expat

from mind_core import Record
from mind_core.bounded import Bounds, read_member

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html")
_DC = "{http://purl.org/dc/elements/1.1/}"
_LARGEST_XML = 1 << 24
"""Bytes of a container or package: parsed, it takes some hundred times as much."""

_FONT_CODINGS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


@dataclass(frozen=True)
class Epub:
    """Read a book as one record a chapter, which the recipe's extractor takes the text of."""

    def __call__(self, path: Path) -> Iterator[Record]:
        """Yield the chapters; raise `ValueError` for what is no EPUB or is protected."""
        bounds = Bounds()
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise ValueError(f"it is no EPUB: {error}") from None
        with archive:
            names = set(archive.namelist())
            if _CONTAINER not in names:
                raise ValueError(f"it is no EPUB: it has no {_CONTAINER}")
            root = _xml(read_member(archive, _CONTAINER, f"{path}:{_CONTAINER}", bounds))
            found = next((e.get("full-path") for e in root.iter() if _is(e, "rootfile")), None)
            if found is None or found not in names:
                raise ValueError("it is no EPUB: its container names no package document")
            package = _xml(read_member(archive, found, f"{path}:{found}", bounds))
            protected = _protected(archive, names, path, bounds)
            book = _book(package)
            chapters = _chapters(package, posixpath.dirname(found))
            for number, name in enumerate(chapters, 1):
                if name not in names:
                    raise ValueError(f"its spine names {name!r}, which is not there")
                if name in protected:
                    raise ValueError("its chapters are encrypted (DRM)")
                page = read_member(archive, name, f"{path}:{name}", bounds)
                yield {
                    "html_base64": base64.b64encode(page).decode("ascii"),
                    "metadata": {**book, "chapter": number},
                }


def _xml(data: bytes) -> ElementTree.Element:
    """Parse XML without entities of its own, which could grow without a bound."""
    if len(data) > _LARGEST_XML:
        raise ValueError(
            f"its XML has {len(data) >> 20} MiB, at most {_LARGEST_XML >> 20} are read"
        )
    # Ten entities of ten others each are a few hundred bytes and expand to gigabytes. The parser
    # itself tells of them, since a search of the bytes sees none in UTF-16.
    look = expat.ParserCreate()
    look.EntityDeclHandler = _refuse_entity
    try:
        look.Parse(data, True)
        return ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError) as error:
        raise ValueError(f"its XML is damaged: {error}") from None


def _refuse_entity(*_: object) -> None:
    raise ValueError("its XML declares entities")


def _is(element: ElementTree.Element, name: str) -> bool:
    # ElementTree writes a tag as {namespace}name; which namespace it is makes no difference here.
    return element.tag.rpartition("}")[2] == name


def _book(package: ElementTree.Element) -> Record:
    """Return title, creator and language, where the book gives them."""
    book: Record = {}
    for key in ("title", "creator", "language"):
        texts = [e.text.strip() for e in package.iter(_DC + key) if e.text and e.text.strip()]
        if texts:
            book[key] = texts[0] if key != "creator" else ", ".join(texts)
    return book


def _chapters(package: ElementTree.Element, folder: str) -> Iterator[str]:
    """Yield the pages of the spine, each once; the contents and what stands beside are left out."""
    seen: set[str] = set()
    items = {e.get("id"): e for e in package.iter() if _is(e, "item")}
    for reference in (e for e in package.iter() if _is(e, "itemref")):
        item = items.get(reference.get("idref"))
        # Notes and answers that the book opens from elsewhere, not while it is read in order.
        if item is None or reference.get("linear") == "no":
            continue
        if item.get("media-type") not in _PAGES or "nav" in (item.get("properties") or "").split():
            continue
        # Names in a package are addresses, relative to its own folder and with %20 for a blank.
        name = posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))
        if name not in seen:
            seen.add(name)
            yield name


def _protected(
    archive: zipfile.ZipFile, names: set[str], path: Path, bounds: Bounds
) -> frozenset[str]:
    """Return which files are encrypted, but for fonts, which are only made hard to copy."""
    if _ENCRYPTION not in names:
        return frozenset()
    root = _xml(read_member(archive, _ENCRYPTION, f"{path}:{_ENCRYPTION}", bounds))
    locked = set()
    for one in (e for e in root.iter() if _is(e, "EncryptedData")):
        methods = [e.get("Algorithm") for e in one.iter() if _is(e, "EncryptionMethod")]
        uris = [unquote(e.get("URI") or "") for e in one.iter() if _is(e, "CipherReference")]
        if not set(methods) <= set(_FONT_CODINGS):
            locked |= set(uris)
    return frozenset(locked)
