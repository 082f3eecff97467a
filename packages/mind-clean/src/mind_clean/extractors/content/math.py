"""Formulas as TeX, from what a page has beside their looks.

MathML with a TeX annotation (KaTeX, Wikipedia, MathJax 3), scripts of MathJax 2, the alternative
texts of formula images; MathML without an annotation is translated.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mind_clean.extractors.content.mathml import tex_of
from mind_clean.extractors.content.signs import Replacing, classes_of

DELIMITERS = {"dollar": ("$", "$", "$$", "$$"), "backslash": (r"\(", r"\)", r"\[", r"\]")}

_WHOLES = ".katex-display, .katex, .mwe-math-element, mjx-container, .MathJax_Display, .MathJax, "
_WHOLES += ".MathJax_Preview, .MathJax_SVG, .MathJax_CHTML"
_IMAGES = (
    "img.tex, img[class*=math], img[class*=latex], img[class*=equation], img[class*=formula], "
    "img[src*=latex], img[src*=math], img[src*=equation], img[src*=formula], img[src*=codecogs]"
)
_ANY = f'math, script[type^="math/tex"], {_WHOLES}, {_IMAGES}'
_DISPLAYED = re.compile(r"katex-display|mathjax_display|mwe-math-fallback-image-display")
_STYLED = re.compile(r"\{\\(?:display|text)style(?![a-zA-Z])(.*)\}", re.DOTALL)
_IMAGE = re.compile(
    r"\b(?:latex|mwe-math|math|tex|equation|formula)\b|mwe-math|codecogs|latex\.php"
)
_TEX = re.compile(r"\\[a-zA-Z]+|[\^_]|[a-zA-Z0-9]\s*[=<>+]\s*\S")
_MAX_FORMULA_CHARACTERS = 5000


def write_formulas(tree: LexborHTMLParser, kind: str) -> None:
    """Put TeX in the place of each formula of a page."""
    if tree.css_first(_ANY) is None:
        return
    replacing = Replacing()
    for script in tree.css('script[type^="math/tex"]'):
        said = script.attributes.get("type") or ""
        _replace(replacing, script, script.text(deep=True) or "", "mode=display" in said, kind)
    replacing = Replacing()
    # A formula has its source, its looks and its alternative text side by side; the outermost
    # element goes with all of them, and what was inside is passed over.
    for whole in replacing.alive(tree.css(_WHOLES)):
        found = _annotated(whole)
        if found is not None:
            _replace(replacing, whole, *found, kind)
        elif "mathjax" in classes_of(whole):
            replacing.remove(whole)  # the looks of a formula whose script stands beside them
    replacing = Replacing()
    for formula in replacing.alive(tree.css("math")):
        found = _annotated(formula) or (tex_of(formula), _is_block(formula))
        _replace(replacing, formula, *found, kind)
    for image in tree.css(_IMAGES):
        alt = (image.attributes.get("alt") or "").strip()
        said = f"{classes_of(image)} {(image.attributes.get('src') or '')[:500].lower()}"
        # Many images have "math" in a class or an address, and an alternative text in words.
        if 0 < len(alt) <= _MAX_FORMULA_CHARACTERS and _IMAGE.search(said) and _TEX.search(alt):
            _replace(replacing, image, alt, "display" in classes_of(image), kind)


def _annotated(node: LexborNode) -> tuple[str, bool] | None:
    """Return the TeX that an element holds or names, and whether it has a line of its own."""
    note = node.css_first('annotation[encoding="application/x-tex"], annotation[encoding="TeX"], '
                          'annotation[encoding="LaTeX"]')  # fmt: skip
    tex = note.text(deep=True) if note is not None else None
    formula = node if node.tag == "math" else node.css_first("math")
    if not tex and formula is not None:
        tex = formula.attributes.get("alttext")
    if not tex:
        image = node.css_first("img[alt]")
        tex = image.attributes.get("alt") if image is not None else None
    if not tex and formula is not None:
        tex = tex_of(formula)
    if not tex or not tex.strip():
        return None
    shown = formula is not None and _is_block(formula)
    styled = node.css_first(".mwe-math-fallback-image-display") is not None
    display = node.attributes.get("display") == "true"
    return tex, shown or styled or display or _DISPLAYED.search(classes_of(node)) is not None


def _is_block(formula: LexborNode) -> bool:
    return formula.attributes.get("display") == "block"


def _replace(replacing: Replacing, node: LexborNode, tex: str, display: bool, kind: str) -> None:
    tex = " ".join(tex.split())
    if (styled := _STYLED.fullmatch(tex)) is not None:
        tex = styled[1].strip()
    # Alternative texts often come with delimiters of their own.
    tex = tex.strip("$").strip()
    if not tex:
        replacing.remove(node)
        return
    opened, closed = DELIMITERS[kind][2:] if display else DELIMITERS[kind][:2]
    replacing.replace(node, f" {opened}{tex}{closed} " if display else f"{opened}{tex}{closed}")
