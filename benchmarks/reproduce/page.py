"""Put the results of bin/reproduce into a page, between its two marks.

python benchmarks/reproduce/page.py PAGE.md SECTION.md...
"""

from __future__ import annotations

import sys
from pathlib import Path

from mind_core.files import atomic_file

BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def main(page: Path, sections: list[Path]) -> None:
    """Replace what stands between the marks by the sections."""
    text = page.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{page} has to hold {BEGIN} and {END} once each")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    middle = "\n".join(section.read_text("utf-8") for section in sections)
    with atomic_file(page) as file:
        file.write(f"{before}{BEGIN}\n\n{middle}\n{END}{after}".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
