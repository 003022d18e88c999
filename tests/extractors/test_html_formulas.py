"""Formulas in the markup of renderers, editors, publishers and image services."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from extractors.html.mathematics import formulas
from extractors.html.mathematics.formulas import RAW_FORMULA, Formula, Skip, raw_formula_of
from extractors.html.survey import survey

MATHML = "<math xmlns='http://www.w3.org/1998/Math/MathML'><msup><mi>x</mi><mn>2</mn></msup></math>"
ANNOTATED = (
    "<math xmlns='http://www.w3.org/1998/Math/MathML'><semantics><msup><mi>x</mi><mn>2</mn></msup>"
    "<annotation encoding='application/x-tex'>x^2</annotation></semantics></math>"
)
ESCAPED = MATHML.replace("<", "&lt;").replace(">", "&gt;")


def recognised(markup: str) -> list[str]:
    """What the outermost elements recognised give, in order, as Markdown would delimit it."""
    body = LexborHTMLParser(f"<!doctype html><body>{markup}</body>").body
    assert body is not None
    found: list[str] = []
    pending = list(body.iter())[::-1]
    while pending:
        node = pending.pop()
        formula = formulas.recognise(node, node.tag or "", node.attributes)
        if isinstance(formula, Formula):
            found.append(f"$${formula.tex}$$" if formula.is_display else f"${formula.tex}$")
        elif formula is None:
            pending.extend(list(node.iter())[::-1])
    return found


FORMULAS = {
    # MathJax 2
    '<script type="math/tex">x^2</script>': "$x^2$",
    '<script type="math/tex; mode=display">% <![CDATA[\nx^2 < 1 %]]></script>': "$$x^2 < 1$$",
    (
        '<span class="MathJax_Preview">x2</span><div class="MathJax_Display"><span class="MathJax" '
        f'data-mathml="{ESCAPED}"><nobr>x2</nobr></span></div>'
        '<script type="math/tex; mode=display">x^2</script>'
    ): "$$x^2$$",
    (
        '<span class="MathJax_Preview"></span><span class="MathJax_SVG" tabindex="0" '
        f'data-mathml="{ESCAPED}"><svg></svg><span '
        f'class="MJX_Assistive_MathML">{MATHML}</span></span>'
    ): "$x^2$",
    f'<span class="mjx-chtml MathJax_CHTML" data-mathml="{ESCAPED}"><span '
    'class="mjx-math">x2</span></span>': ("$x^2$"),
    f'<script type="math/mml">{MATHML}</script>': "$x^2$",
    (
        f'<span class="MathJax" data-mathml="{ESCAPED}">x2</span>'
        '<script type="math/asciimath">x^2</script>'
    ): "$x^2$",
    # MathJax 3 and 4
    (
        '<mjx-container class="MathJax" jax="SVG" display="true"><svg></svg>'
        f'<mjx-assistive-mml unselectable="on" '
        f'display="block">{MATHML}</mjx-assistive-mml></mjx-container>'
    ): "$$x^2$$",
    (
        '<mjx-container class="MathJax" jax="CHTML"><mjx-math data-latex="x^2" class="MJX-TEX">'
        '<mjx-msup data-latex="x^2"><mjx-mi data-latex="x"></mjx-mi></mjx-msup></mjx-math>'
        "</mjx-container>"
    ): "$x^2$",
    (
        '<mjx-container class="MathJax" jax="SVG" display="true"><svg><g><g data-mml-node="math" '
        'data-latex="x^2"><g data-mml-node="mi" data-latex="x"></g></g></g></svg></mjx-container>'
    ): "$$x^2$$",
    (
        '<mjx-container class="MathJax"><mjx-math><mjx-mi data-latex="x"></mjx-mi></mjx-math>'
        f"<mjx-assistive-mml>{MATHML}</mjx-assistive-mml></mjx-container>"
    ): "$x^2$",
    # KaTeX
    (
        f'<span class="katex-display"><span class="katex"><span '
        f'class="katex-mathml">{ANNOTATED}</span>'
        '<span class="katex-html" aria-hidden="true"><span class="mord mathnormal">x</span>2</span>'
        "</span></span>"
    ): "$$x^2$$",
    f'<span class="katex">{ANNOTATED}</span>': "$x^2$",
    (
        '<span class="katex"><span class="katex-html" aria-hidden="true"><span class="base">'
        '<span class="mord mathnormal">\u03b1</span><span class="mrel">=</span><span class="mord">1'
        "</span></span></span></span>"
    ): "$\\alpha=1$",
    (
        '<span class="katex"><span class="katex-mathml">\n\n x\n =\n 1\n\n x=1\n\n</span>'
        '<span class="katex-html"><span class="mord">x=1</span></span></span>'
    ): "$x=1$",
    '<span class="katex-error" title="ParseError">\\frac{1}</span>': "$\\frac{1}$",
    # MathML
    MATHML: "$x^2$",
    ANNOTATED.replace("<math", '<math display="block"'): "$$x^2$$",
    '<math><mi>x</mi><annotation encoding="text/plain">not this</annotation></math>': "$x$",
    (
        "<math><semantics><mi>x</mi><annotation-xml encoding='MathML-Content'><ci>y</ci>"
        "</annotation-xml><annotation encoding='LaTeX'>x_1</annotation></semantics></math>"
    ): "$x_1$",
    "<math alttext='x^{2}'><mi>y</mi></math>": "$x^{2}$",
    "<math alttext='{\\displaystyle a+%\nb}'><mi>y</mi></math>": "$a+b$",
    "<math alttext='the square of x'><msup><mi>x</mi><mn>2</mn></msup></math>": "$x^2$",
    (
        "<mml:math><mml:mspace "
        "width='1em'/><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:msup>"
        "</mml:math>"
    ): "$\\quad x^2$",
    "<m:math display='block'><m:mi>x</m:mi><m:mo>=</m:mo><m:mn>1</m:mn></m:math>": "$$x=1$$",
    # MediaWiki
    (
        '<span class="mwe-math-element mwe-math-element-inline"><span '
        'class="mwe-math-mathml-inline" '
        'style="display: none;"><math alttext="{\\displaystyle x^{2}}"><mi>x</mi></math></span>'
        '<img src="https://wikimedia.org/api/rest_v1/media/math/render/svg/0123456789" '
        'class="mwe-math-fallback-image-inline" aria-hidden="true" alt="{\\displaystyle '
        'x^{2}}"></span>'
    ): "$x^{2}$",
    '<img class="tex" alt="x^2" src="//upload.wikimedia.org/math/a/b/c.png">': "$x^2$",
    # Images
    '<img class="latex" src="https://s0.wp.com/latex.php?latex=x%5E2+%2B+1&amp;bg=ffffff" '
    'alt="">': ("$x^2 + 1$"),
    '<img src="https://latex.codecogs.com/gif.latex?\\dpi{120}\\bg_white&space;x^2+1">': "$x^2+1$",
    '<img src="https://latex.codecogs.com/svg.image?%5Cfrac%7Ba%7D%7Bb%7D" title="\\frac{a}{b}">': (
        "$\\frac{a}{b}$"
    ),
    '<img src="/cgi-bin/mimetex.cgi?z \\mapsto \\ln(z+1)" align="middle">': (
        "$z \\mapsto \\ln(z+1)$"
    ),
    '<img src="https://chart.googleapis.com/chart?cht=tx&amp;chl=x%5E2">': "$x^2$",
    '<img src="https://render.githubusercontent.com/render/math?math=e%5E%7Bi%7D">': "$e^{i}$",
    '<img src="https://www.zhihu.com/equation?tex=a_1" alt="a_1" class="ee_img">': "$a_1$",
    '<img src="https://tex.z-dn.net/?f=x%5E2" alt="x^2">': "$x^2$",
    '<img src="https://i.upmath.me/svg/x%5E2" alt="">': "$x^2$",
    (
        '<img class="equation_image" title="x^2" src="/equation_images/x%255E2" alt="LaTeX: x^2" '
        'data-equation-content="x^2">'
    ): "$x^2$",
    '<img class="formulaInl" alt="$ x^2 $" src="form_0.png"/>': "$x^2$",
    '<p class="formulaDsp"><img class="formulaDsp" alt="\\[ x^2 \\]" src="f.png"/></p>': "$$x^2$$",
    '<img width="40" align="MIDDLE" border="0" src="img1.gif" alt="$ \\alpha$">': "$\\alpha$",
    '<img src="img2.png" alt="\\begin{displaymath}x^2\\end{displaymath}">': "$$x^2$$",
    '<img class="ql-img-displayed-equation" alt="\\[x^2\\]" src="/ql-cache/q.svg">': "$$x^2$$",
    (
        '<img class="Wirisformula" src="data:image/svg+xml" alt="x squared" data-mathml="\xabmath '
        "xmlns=\xa8http://www.w3.org/1998/Math/MathML\xa8\xbb\xabmsup\xbb\xabmi\xbbx\xab/mi\xbb"
        '\xabmn\xbb2\xab/mn\xbb\xab/msup\xbb\xab/math\xbb">'
    ): "$x^2$",
    '<img class="math" src="/_images/math/0.png" alt="True"/>': "$True$",
    '<img class="math" src="/0.png" alt="&lt;br /&gt;x^2&lt;br /&gt;">': "$x^2$",
    # Source for a script
    '<span class="math inline">\\(x = 1\\)</span>': "$x = 1$",
    '<span class="math inline">x = 1</span>': "$x = 1$",
    '<span class="math display">\\[x^2\\]</span>': "$$x^2$$",
    '<div class="arithmatex">\\[x^2\\]</div>': "$$x^2$$",
    '<span class="math-tex">\\(x\\)</span>': "$x$",
    '<span class="math-container">$$x^2$$</span>': "$$x^2$$",
    '<code class="language-math math-inline">x^2</code>': "$x^2$",
    '<pre><code class="language-math math-display">x^2\n</code></pre>': "$$x^2$$",
    '<pre lang="math"><code>x^2</code></pre>': "$$x^2$$",
    '<code class="code math js-render-math" data-math-style="inline">x^2</code>': "$x^2$",
    '<math-renderer class="js-inline-math">$x^2$</math-renderer>': "$x^2$",
    '<math-renderer class="js-inline-math">$`x^2`$</math-renderer>': "$x^2$",
    "<tex-math>$x^2$</tex-math>": "$x^2$",
    '<span class="ztext-math" data-eeimg="1" data-tex="x">x</span>': "$x$",
    '<span data-type="inlineMath" data-latex="x^2"></span>': "$x^2$",
    '<span class="ql-formula" data-value="x^2">\ufeff</span>': "$x^2$",
    (
        '<span class="mathquill-rendered"><span class="mq-selectable">$x^2$</span>'
        '<span class="mq-root-block mq-hasCursor"><var>x</var></span></span>'
    ): "$x^2$",
    # Numbers
    '<div class="math" id="equation-a"><span class="eqno">(1.2)<a '
    'href="#e">\xb6</a></span>\\[x^2\\]</div>': ("$$x^2 \\tag{1.2}$$"),
    (
        '<div class="math"><p><span class="eqno">(1)<a class="headerlink" href="#e">\xb6</a></span>'
        '<img src="_images/math/0.png" alt="x^2"/></p></div>'
    ): "$$x^2 \\tag{1}$$",
    (
        '<table class="ltx_equation ltx_eqn_table"><tbody><tr class="ltx_eqn_row"><td></td>'
        '<td class="ltx_eqn_cell ltx_align_center"><math alttext="x^{2}" '
        'display="block"></math></td>'
        '<td></td><td><span class="ltx_tag ltx_tag_equation">(4)</span></td></tr></tbody></table>'
    ): "$$x^{2} \\tag{4}$$",
    (
        '<table class="ltx_equationgroup ltx_eqn_table"><tbody><tr><td><math '
        'alttext="\\displaystyle a">'
        "</math></td><td><math "
        'alttext="\\displaystyle=b"></math></td><td>(1)</td></tr><tr><td></td>'
        '<td><math alttext="\\displaystyle=c"></math></td><td>(2)</td></tr></tbody></table>'
    ): "$$\\begin{align}\na & =b \\tag{1}\\\\\n=c \\tag{2}\n\\end{align}$$",
    (
        '<div class="c-article-equation"><div><span class="mathjax-tex">$$x^2$$</span></div>'
        '<div class="c-article-equation__number">(3)</div></div>'
    ): "$$x^2 \\tag{3}$$",
    (
        '<table class="equation"><tr><td><span class="MathJax_Preview">x</span>'
        '<script type="math/tex; mode=display">x^2</script></td><td '
        'class="eqno">(A.1)</td></tr></table>'
    ): "$$x^2 \\tag{A.1}$$",
}


@pytest.mark.parametrize("markup", FORMULAS)
def test_a_formula_comes_out_once(markup: str) -> None:
    assert recognised(f"<p>so</p><div>{markup}</div><p>it</p>") == [FORMULAS[markup]]


@pytest.mark.parametrize("markup", FORMULAS)
def test_the_selector_matches_what_is_recognised(markup: str) -> None:
    tree = LexborHTMLParser(f"<!doctype html><body><p>{markup}</p></body>")
    matched = {node.mem_id for node in tree.css(formulas.SELECTOR)}
    for node in tree.css("body *"):
        if formulas.recognise(node, node.tag or "", node.attributes) is not None:
            assert node.mem_id in matched
            # Images are looked for on every page.
            assert node.tag == "img" or survey(markup).may_hold_formula


@pytest.mark.parametrize(
    "markup",
    [
        "<p>Text</p>",
        '<img src="cat.jpg" alt="A cat_2 on $5">',
        '<img class="equation" alt="Equation 3" src="e.png">',
        '<img class="latex" alt="LaTeX image" src="e.png">',
        '<span class="tex">T<sub>e</sub>X</span>',
        '<div class="formula">Our formula for success is easy to follow.</div>',
        '<div data-math="true"><p>x_1</p></div>',
        '<button data-latex="x^2">Copy</button>',
        (
            '<div class="math"><p>A long chapter with \\(x\\) and \\(y\\) in its text, and '
            "more.</p></div>"
        ),
        '<script type="text/javascript">x^2</script>',
        "<script>x_1</script>",
        '<span class="mwe-math-element"></span>',
        '<mjx-container aria-label="x squared"></mjx-container>',
        (
            '<span class="katex"><span class="katex-html"><span class="mfrac">'
            '<span class="vlist">ab</span></span></span></span>'
        ),
    ],
)
def test_what_is_no_formula_is_left_alone(markup: str) -> None:
    assert recognised(markup) == []


def test_a_rendering_beside_its_source_is_skipped() -> None:
    tree = LexborHTMLParser(
        '<span class="MathJax_Preview"></span><span class="MathJax">x</span>'
        '<script type="math/tex">x</script>'
    )
    for node in tree.css("span"):
        assert formulas.recognise(node, "span", node.attributes) is Skip.TWIN


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("a \\(x\\) b", "$x$"),
        ("a \\[x\\\\[2pt] y\\] b", "$$x\\\\[2pt] y$$"),
        ("a $$x$$ b", "$$x$$"),
        ("a $$$n \\le 5$$$ b", "$n \\le 5$"),
        ("a $x_1$ b", "$x_1$"),
        ("a $latex x = 1$ b", "$x = 1$"),
        ("a [tex]x[/tex] b", "$x$"),
        ("a [math]x[/math] b", "$x$"),
        ("a [latex]x[/latex] b", "$x$"),
        ("a \\begin{align*}x&=1\\end{align*} b", "$$\\begin{align*}x&=1\\end{align*}$$"),
        ("a \\begin{equation}\\label{e}x\\end{equation} b", "$$\\label{e}x$$"),
        ("from $5 to $6, US$7", None),
        ("a_b costs $5 and c_d costs $6", None),
    ],
)
def test_delimiters_in_text_are_found(text: str, tex: str | None) -> None:
    found = RAW_FORMULA.search(text)
    formula = None if found is None else raw_formula_of(found)
    if formula is None:
        assert tex is None
    else:
        assert (f"$${formula.tex}$$" if formula.is_display else f"${formula.tex}$") == tex


@pytest.mark.parametrize(
    ("source", "tex"),
    [
        ("{\\displaystyle a} + {b}", "{\\displaystyle a} + {b}"),
        ("{\\displaystyle {a}+{b}}", "{a}+{b}"),
        ("$a$ and $b$", "$a$ and $b$"),
        ("$$\\text{if $x$}$$", "\\text{if $x$}"),
        ("a &lt; b &amp; c", "a < b & c"),
        ("50\\%\n x", "50\\%\n x"),
        ("", ""),
        ("$", "$"),
    ],
)
def test_only_what_the_web_has_added_is_taken_off(source: str, tex: str) -> None:
    assert formulas.clean_tex(source) == tex


@pytest.mark.parametrize(
    "markup",
    [
        "<math></math>",
        "<img>",
        "<img alt>",
        "<img class=latex alt src>",
        '<img src="https://latex.codecogs.com/[">',
        "<span class=katex></span>",
        "<span class=MathJax></span>",
        "<mjx-container></mjx-container>",
        "<script type></script>",
        "<span data-tex></span>",
        "<div class=math></div>",
        "<pre lang></pre>",
    ],
)
def test_empty_elements_hold_no_formula(markup: str) -> None:
    assert recognised(markup) == []
