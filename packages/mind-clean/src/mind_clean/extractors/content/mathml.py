"""MathML without a TeX annotation, as TeX (MathML 3, presentation elements)."""

from __future__ import annotations

from selectolax.lexbor import LexborNode

from mind_clean.extractors.blocks.element_rules import word_set

_DEEPEST = 60
_NAMED = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ϵ": "epsilon",
    "ζ": "zeta", "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu",
    "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon",
    "φ": "varphi", "ϕ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi",
    "Ω": "Omega", "∑": "sum", "∏": "prod", "∫": "int", "∬": "iint", "∮": "oint", "∞": "infty",
    "∂": "partial", "∇": "nabla", "≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx", "≡": "equiv",
    "±": "pm", "∓": "mp", "×": "times", "÷": "div", "·": "cdot", "⋅": "cdot", "∈": "in",
    "∉": "notin", "⊂": "subset", "⊆": "subseteq", "∪": "cup", "∩": "cap", "∀": "forall",
    "∃": "exists", "→": "to", "←": "leftarrow", "⇒": "Rightarrow", "⇔": "Leftrightarrow",
    "↦": "mapsto", "…": "ldots", "⋯": "cdots", "√": "surd", "∝": "propto", "∼": "sim",
    "∅": "emptyset", "ℏ": "hbar", "ℓ": "ell", "∘": "circ", "⊗": "otimes", "⊕": "oplus",
    "⟨": "langle", "⟩": "rangle",
}  # fmt: skip
_PLAIN = {"−": "-", "\u2061": "", "\u2062": "", "\u2063": ",", "\u2064": "+", "\u00a0": " ",
          "′": "'", "∗": "*", "{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#"}  # fmt: skip
_FUNCTIONS = word_set(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp lim max min sup inf "
    "det dim gcd ker arg"
)
_ACCENTS = {"¯": "bar", "‾": "bar", "^": "hat", "ˆ": "hat", "~": "tilde", "˜": "tilde",
            "→": "vec", "⃗": "vec", "˙": "dot", "¨": "ddot", "_": "underline"}  # fmt: skip
_LIMITS = frozenset((r"\sum", r"\prod", r"\int", r"\iint", r"\oint", r"\lim", r"\max", r"\min",
                     r"\sup", r"\inf", r"\bigcup", r"\bigcap"))  # fmt: skip


def tex_of(node: LexborNode, depth: int = 0) -> str:
    """Return an element of MathML as TeX; what is nested too deep, or unknown, as its text."""
    tag = node.tag or ""
    if tag == "-text" or depth > _DEEPEST:
        return " ".join((node.text(deep=True) or "").split())
    if tag in ("annotation", "annotation-xml", "mphantom"):
        return ""
    if tag in ("mi", "mn", "mo", "mtext", "ms"):
        return _token(tag, (node.text(deep=True) or "").strip())
    parts = [tex_of(child, depth + 1) for child in node.iter(include_text=False)]
    known = _built(node, tag, parts)
    return _row(parts) if known is None else known


def _token(tag: str, text: str) -> str:
    if tag in ("mtext", "ms"):
        return rf"\text{{{text}}}" if text else " "
    if text in _FUNCTIONS:
        return f"\\{text}"
    made = "".join(f"\\{_NAMED[c]} " if c in _NAMED else _PLAIN.get(c, c) for c in text).strip()
    # MathML sets an identifier of several letters upright; TeX would take it for a product.
    if tag == "mi" and len(text) > 1 and text.isalpha() and text.isascii():
        return rf"\mathrm{{{text}}}"
    return made


def _row(parts: list[str]) -> str:
    """Join what stands in a row; a command ends before a letter."""
    text = ""
    for part in parts:
        command = text.rpartition("\\")[2] if "\\" in text else ""
        # \alpha and x would join to the command \alphax.
        if part[:1].isalpha() and command.isalpha():
            text += " "
        text += part
    return text


def _grouped(part: str) -> str:
    return part if len(part) == 1 else f"{{{part}}}"


def _built(node: LexborNode, tag: str, parts: list[str]) -> str | None:
    """Return an element that puts its children above, below or around each other."""
    one, two, three = (*parts, "", "", "")[:3]
    if tag == "mfrac":
        # A fraction without a line is how MathML writes binomials.
        if node.attributes.get("linethickness") in ("0", "0pt", "0px"):
            return rf"\binom{{{one}}}{{{two}}}"
        return rf"\frac{{{one}}}{{{two}}}"
    if tag == "msqrt":
        return rf"\sqrt{{{_row(parts)}}}"
    if tag == "mroot":
        return rf"\sqrt[{two}]{{{one}}}"
    if tag in ("msub", "msup", "munder", "mover"):
        return _raised(tag, one, two)
    if tag in ("msubsup", "munderover"):
        return f"{_base(one)}_{_grouped(two)}^{_grouped(three)}"
    if tag == "mfenced":
        opened, closed = (node.attributes.get(name) for name in ("open", "close"))
        inside = ",".join(parts)
        return f"{'(' if opened is None else opened}{inside}{')' if closed is None else closed}"
    if tag == "mtable":
        return _matrix(parts)
    if tag == "mtr":
        return " & ".join(parts)
    if tag == "mspace":
        return " "
    return None


def _matrix(rows: list[str]) -> str:
    return rf"\begin{{matrix}}{(chr(92) * 2 + ' ').join(rows)}\end{{matrix}}"


def _raised(tag: str, base: str, other: str) -> str:
    if tag == "mover" and other in _ACCENTS:
        return rf"\{_ACCENTS[other]}{{{base}}}"
    if tag in ("mover", "munder") and base not in _LIMITS:
        return rf"\{'overset' if tag == 'mover' else 'underset'}{{{other}}}{{{base}}}"
    return f"{_base(base)}{'^' if tag in ('msup', 'mover') else '_'}{_grouped(other)}"


def _base(base: str) -> str:
    """Return a base that ^ and _ belong to as a whole."""
    simple = len(base) <= 1 or base.isdigit() or base[-1:] in ")]|}" or base[1:].isalpha()
    return base if simple else f"{{{base}}}"
