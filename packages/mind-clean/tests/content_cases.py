"""Pieces of pages as their generators write them, and the text that a reader would copy.

Each is (what it is, HTML, lines that the text holds, what it must not hold).
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A piece of a page and what becomes of it."""

    name: str
    html: str
    holds: str
    lacks: tuple[str, ...] = ()


def tex(formula: str, around: str = "") -> str:
    note = f'<annotation encoding="application/x-tex">{formula}</annotation>'
    return f"<math{around}><semantics><mrow><mi>q</mi></mrow>{note}</semantics></math>"


KATEX = (
    '<span class="katex"><span class="katex-mathml">{}</span><span class="katex-html" '
    'aria-hidden="true"><span class="mord">∫</span><span class="mord">f</span></span></span>'
)
MATHJAX_2 = (
    '<span class="MathJax_Preview">{0}</span><span class="MathJax"><nobr>{0}</nobr></span>'
    '<script type="math/tex{1}">{2}</script>'
)
WIKI = (
    '<span class="mwe-math-element"><span class="mwe-math-mathml-inline" style="display:none">{}'
    '</span><img src="https://wikimedia.example/math/render/svg/1" alt="{}" '
    'class="mwe-math-fallback-image-inline"></span>'
)
FORMULAS = (
    Case("MathML with an annotation", "<p>Let " + tex(r"a_n \to 0") + " hold.</p>", r"$a_n \to 0$"),
    Case("displayed MathML", f"<p>{tex('y=kx', ' display=block')}</p>", "$$y=kx$$"),
    Case("KaTeX", f"<p>面积 {KATEX.format(tex('S=ab'))} 为</p>", "$S=ab$", ("∫",)),
    Case("displayed KaTeX", f'<p><span class="katex-display">{KATEX.format(tex("f(t)"))}</span>',
         "$$f(t)$$", ("∫",)),
    Case("MathJax 2", f"<p>Then {MATHJAX_2.format('vt', '', 's=vt')} is", "$s=vt$ is", ("vt ",)),
    Case("displayed MathJax 2", MATHJAX_2.format("zz", "; mode=display", r"\sum_i z_i"),
         r"$$\sum_i z_i$$", ("zz",)),
    Case("MathJax 3", "<p>It is <mjx-container><mjx-math>k</mjx-math><mjx-assistive-mml><math>"
         "<msub><mi>k</mi><mn>0</mn></msub></math></mjx-assistive-mml></mjx-container>.</p>",
         "$k_0$", ("kk",)),
    Case("Wikipedia", f"<p>是 {WIKI.format(tex('{displaystyle p^{2}}'), 'p^{2}')} 的</p>".replace(
         "{displaystyle", r"{\displaystyle"), "$p^{2}$", ("displaystyle", "$$")),
    Case("Wikipedia's picture alone", WIKI.format("", r"{\displaystyle \mu >0}"), r"$\mu >0$"),
    Case("a picture of codecogs", '<p>so <img src="https://latex.codecogs.com/gif.latex?x" '
         r'alt="\sqrt{n}"> steps</p>', r"so $\sqrt{n}$ steps"),
    Case("a picture of a blog", '<p>if <img class="latex" src="/latex.php?l=1" alt="n \\geq 3">',
         r"$n \geq 3$"),
    Case("other pictures are none", '<p>a <img class="photo" src="/sea.jpg" alt="x = 1 boat"> b',
         "a b", ("boat",)),
    Case("a half in MathML", "<p>adds <math><mn>3</mn><mfrac><mn>1</mn><mn>2</mn></mfrac></math> m"
         "</p>", r"$3\frac{1}{2}$", ("312",)),
    Case("a sum in MathML", "<p><math><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn>"
         "</mrow><mi>n</mi></munderover><msub><mi>x</mi><mi>i</mi></msub></math></p>",
         r"\sum_{i=1}^nx_i"),
    Case("a function in MathML", "<p><math><mi>sin</mi><mi>θ</mi><mo>≤</mo><mn>1</mn></math></p>",
         r"$\sin\theta\leq1$"),
    Case("a matrix in MathML", "<p><math><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd>"
         "</mtr><mtr><mtd><mn>0</mn></mtd><mtd><mn>1</mn></mtd></mtr></mtable></math></p>",
         r"\begin{matrix}1 & 0\\ 0 & 1\end{matrix}"),
)  # fmt: skip
RAISED = (
    Case("an exponent", "<p>about 6.02×10<sup>23</sup> of them</p>", "6.02×10^23"),
    Case("a negative exponent", "<p>only 3×10<sup>−9</sup> m</p>", "10^−9 m"),
    Case("an exponent in Chinese", "<p>面积约960万千米<sup>2</sup>。</p>", "千米^2。"),
    Case("an exponent of several parts", "<p>(1 + r)<sup>n − 1</sup></p>", "^{n − 1}"),
    Case("an index", "<p>CO<sub>2</sub> and x<sub>max</sub></p>", "CO_2 and x_max"),
    Case("after emphasis", "<p><i>c</i><sup>2</sup> is large</p>", "c^2"),
    Case("an ordinal", "<p>the 22<sup>nd</sup> of May</p>", "22nd", ("^",)),
    Case("a reference", '<p>so they say<sup class="reference"><a href="#c">[3]</a></sup></p>',
         "say[3]", ("^",)),
    Case("a footnote", "<p>so they say<sup>*</sup></p>", "say*", ("^",)),
    Case("a trade mark", "<p>Widget<sup>®</sup> by them</p>", "Widget®", ("^",)),
    Case("a fraction", "<p>add 2 <sup>3</sup>⁄<sub>4</sub> cups</p>", "add 2 3/4 cups", ("^", "_")),
    Case("a fraction after a number", "<p>add 2<sup>3</sup>⁄<sub>4</sub> cups</p>", "2 3/4 cups"),
)  # fmt: skip
TABLES = (
    Case("an empty cell", "<table><tr><th>年<th>2021<th>2022<tr><td>茶<td><td>8</table>",
         "年 | 2021 | 2022\n茶 | | 8"),
    Case("a cell with a firm blank", "<table><tr><th>a<th>b<th>c<tr><td>1<td>&nbsp;<td>3</table>",
         "1 | | 3"),
    Case("an empty first cell", "<table><tr><th><th>Mon<th>Tue<tr><td>am<td>1<td>2</table>",
         "| Mon | Tue\nam | 1 | 2"),
    Case("an empty last cell", "<table><tr><th>a<th>b<tr><td>x<td></table>", "x |"),
    Case("a cell over two columns", "<table><tr><th>q<th>r<th>s<tr><td colspan=2>wide<td>9</table>",
         "wide | | 9"),
    Case("a cell over two rows", "<table><tr><th>k<th>v<th>w<tr><td rowspan=2>up<td>1<td>2"
         "<tr><td>3<td>4</table>", "up | 1 | 2\n| 3 | 4"),
    Case("an empty row", "<table><tr><th>a<th>b<tr><td><td><tr><td>1<td>2</table>", "a | b\n1 | 2"),
    Case("no header", "<table><tr><td>x1<td>y1<td>z1<tr><td>x2<td><td>z2</table>", "x2 | | z2"),
)  # fmt: skip
LISTS = (
    Case("a start", "<ol start=7><li>seven<li>eight</ol>", "7. seven\n8. eight"),
    Case("a value", "<ol><li>one<li value=20>twenty<li>next</ol>",
         "1. one\n20. twenty\n21. next"),
    Case("counted down", "<ol reversed><li>c<li>b<li>a</ol>", "3. c\n2. b\n1. a"),
    Case("Roman numbers", "<ol type=I><li>first<li>second</ol>", "I. first\nII. second"),
    Case("letters", "<ol type=a start=27><li>x</ol>", "aa. x"),
    Case("nested", "<ul><li>tea<ul><li>green<ul><li>dragon well</ul></ul><li>milk</ul>",
         "• tea\n  • green\n    • dragon well\n• milk"),
    Case("an ordered list in another", "<ol><li>wash<ol type=a><li>hands<li>cups</ol><li>pour</ol>",
         "1. wash\n  a. hands\n  b. cups\n2. pour"),
    Case("paragraphs in items", "<ol start=3><li><p>Boil.</p></li><li><p>Pour.</p></li></ol>",
         "3. Boil.\n4. Pour."),
    Case("links that the text announces", "<p>Both of these manuals explain it:</p><ul>"
         "<li><a href=/a>The installation manual</a><li><a href=/b>The manual of the shell</a>",
         "• The installation manual\n• The manual of the shell"),
    Case("links that it does not", "<p>Related articles:</p><ul><li><a href=/a>Ten cups to buy</a>"
         "<li><a href=/b>Why cups break</a><li><a href=/c>Cups of the year</a></ul>", "",
         ("Ten cups", "Why cups")),
)  # fmt: skip
CODE = (
    Case("Sphinx", '<table class="highlighttable"><tr><td class="linenos"><div class="linenodiv">'
         '<pre>1\n2</pre></div></td><td class="code"><div class="highlight"><pre>while True:\n'
         "    go()</pre></div></td></tr></table>", "while True:\n    go()", ("1\n",)),
    Case("Rouge", '<pre><table class="rouge-table"><tbody><tr><td class="rouge-gutter gl"><pre '
         'class="lineno">1\n2\n</pre></td><td class="rouge-code"><pre>let a = 1;\n  f(a);</pre>'
         "</td></tr></tbody></table></pre>", "let a = 1;\n  f(a);", ("1\n2",)),
    Case("lines as <div>", '<pre><div class="line">def f():</div><div class="line">    return 1'
         "</div></pre>", "def f():\n    return 1"),
    Case("an empty <div>", "<pre><div>a</div><div></div><div>  b</div></pre>", "a\n\n  b"),
    Case("prettify", '<pre><ol class="linenums"><li class="L0"><span>int a;</span></li>'
         "<li class=L1>  a = 2;</li></ol></pre>", "int a;\n  a = 2;", ("1. ",)),
    Case("SyntaxHighlighter", '<div class="syntaxhighlighter"><table><tr><td class="gutter"><div>1'
         '</div><div>2</div></td><td class="code"><div class="container"><div class="line">'
         '<code>do {</code></div><div class="line"><code class="spaces">&nbsp;&nbsp;</code>'
         "<code>x--;</code></div></div></td></tr></table></div>", "do {\n  x--;", ("1\n2",)),
    Case("a forge", "<table>" + "".join(
         f'<tr><td class="blob-num">{n}</td><td class="blob-code">{line}</td></tr>'
         for n, line in ((1, "fn main() {"), (2, "    run();"), (3, "}"))) + "</table>",
         "fn main() {\n    run();\n}", ("1 |",)),
    Case("numbers in <span>", '<pre><span class="lineno">1 </span>x = [\n<span class="lineno">2 '
         "</span>  0]\n</pre>", "x = [\n  0]", ("1 x",)),
    Case("numbers in the text", "<pre> 9 if a:\n10     b()\n11 c()</pre>", "if a:\n    b()\nc()"),
    Case("numbers that are the code's", "<pre>10 PRINT 1\n20 GOTO 10\n30 END</pre>", "10 PRINT 1"),
    Case("firm blanks", "<pre>for:\n&nbsp;&nbsp;&nbsp; go</pre>", "for:\n    go"),
)  # fmt: skip
CASES = (*FORMULAS, *RAISED, *TABLES, *LISTS, *CODE)
