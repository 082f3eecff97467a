"""What the extractor takes of a page, and leaves."""

from __future__ import annotations

from mind_extractor_paragraphs import Paragraphs

from mind_core.testing import check_extractor, run_tool

PAGE = (
    "<nav><p>Home</p></nav><p>A rolling stone gathers no moss, &amp; so on."
    "<div>menu</div><p>学而时习之，不亦说乎？有朋自远方来，不亦乐乎？</p><script>x</script>"
)


def test_paragraphs_are_taken() -> None:
    holds, lacks = ["no moss, & so on.", "学而时习之"], ["Home", "menu", "x<"]
    check_extractor(Paragraphs, [(PAGE, holds, lacks), ("<p>Home", [], ["Home"])])


def test_through_the_tool() -> None:
    import mind_extractor_paragraphs as plugin

    given = ["-q", "--plugin", str(plugin.__file__), "--step", "paragraphs"]
    done = run_tool(
        "mind-clean", given, [{"id": "1", "html": PAGE}, {"id": "2", "html": "<p>Home"}]
    )
    assert done.code == 0, done.stderr
    assert [record["text"].count("\n\n") for record in done.records] == [1]
