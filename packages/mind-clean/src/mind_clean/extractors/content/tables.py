"""Tables: empty cells and cells over several columns or rows keep their places."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mind_clean.extractors.content.signs import EMPTY, HEAD_ROW, ROW, element, put_first
from mind_core.untrusted import whole_number

_CELLS = ("td", "th")
_WIDEST = 100
_LAYOUT = "table, form, h1, h2, h3, article, section"
_LEAST_ROWS = 2
Row = list[LexborNode]


def write_tables(tree: LexborHTMLParser, markdown: bool) -> None:
    """Put a sign into each empty cell of each table of data, and new cells where one spans more.

    A table of data has header cells, or rows of the same number of cells, and no parts of a page in
    it.
    """
    for table in tree.css("table"):
        # Such a table lays out the page: its cells are columns.
        if any(inner.mem_id != table.mem_id for inner in table.css(_LAYOUT)):
            continue
        rows = [_cells(row) for row in table.css("tr")]
        rows = [row for row in rows if row]
        if not _is_data(table, rows):
            continue
        pending: dict[int, int] = {}
        first = True
        for row in rows:
            filled = any((cell.text(deep=True) or "").strip() for cell in row)
            pending = _fill(row, pending, filled)
            if markdown and filled and len(row) > 1:
                put_first(row[0], HEAD_ROW if first else ROW)
                first = False


def _cells(row: LexborNode) -> Row:
    return [cell for cell in row.iter(include_text=False) if cell.tag in _CELLS][:_WIDEST]


def _is_data(table: LexborNode, rows: list[Row]) -> bool:
    widths = {sum(_span(cell, "colspan") for cell in row) for row in rows}
    if not rows or max(widths) < 2:
        return False
    heads = table.css_first("th") is not None
    return heads or (len(rows) >= _LEAST_ROWS and len(widths) == 1 and min(widths) > 1)


def _span(cell: LexborNode, name: str) -> int:
    said = (cell.attributes.get(name) or "").strip()
    number = whole_number(said) if len(said) < 5 else None
    return 1 if number is None else max(1, min(_WIDEST, number))


def _fill(row: Row, pending: dict[int, int], filled: bool) -> dict[int, int]:
    """Fill a row; return for each column how many more rows its cell reaches down."""
    below = {column: rows - 1 for column, rows in pending.items() if rows > 1}
    column = 0
    for cell in row:
        while column in pending and column < _WIDEST:
            if filled:
                cell.insert_before(element("td", EMPTY))
            column += 1
        wide, high = _span(cell, "colspan"), _span(cell, "rowspan")
        if filled and not (cell.text(deep=True) or "").strip():
            cell.insert_child(EMPTY)
        for more in range(wide):
            if high > 1:
                below[column + more] = high - 1
            if more and filled and len(row) > 1:
                cell.insert_after(element("td", EMPTY))
        column += wide
    while filled and column in pending and column < _WIDEST:
        row[-1].insert_after(element("td", EMPTY))
        column += 1
    return below
