"""What the elements and roles of HTML mean to a reader of a page."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


UNSEEN = words(
    "script style noscript template svg iframe object embed applet canvas audio video map frame "
    "frameset noframes head meta link base title input select option optgroup textarea button "
    "datalist progress meter img area col colgroup param source track annotation annotation-xml "
    "rt rp"
)
"""Not text of the page: code, form fields, media, and the reading aids above Han characters."""

LEAVES = words("p h1 h2 h3 h4 h5 h6 pre figcaption caption legend summary address")
"""Block elements that hold a run of text and nothing to choose between."""

HEADINGS = words("h1 h2 h3 h4 h5 h6")

CONTAINERS = words(
    "div section article main header footer nav aside menu dialog form fieldset details center "
    "body blockquote figure hgroup search ul ol li dl dt dd table tbody thead tfoot tr td th"
)

FLOW = words("div section article main body td blockquote center form fieldset details dd li")
"""Elements whose own paragraphs speak for them as the place of the main text."""

PARTS = words("table tbody thead tfoot tr ul ol dl li")
"""Elements that are a part of the text or its frame, but never the place of all of it."""

LISTS = words("ul ol dl table")

BOILERPLATE_ELEMENTS = words("nav footer aside menu dialog")
"""Elements that stand beside the main text by their meaning."""

BOILERPLATE_ROLES = words(
    "navigation banner contentinfo search complementary menu menubar dialog alert alertdialog "
    "toolbar tablist directory"
)
