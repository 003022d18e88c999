"""MathML without a kept source: the converter's own work."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from extractors.html.mathematics.mathml import to_tex


def converted(inside: str) -> str:
    math = LexborHTMLParser(f"<math>{inside}</math>").css_first("math")
    assert math is not None
    return to_tex(math)


@pytest.mark.parametrize(
    ("mathml", "tex"),
    [
        ("<mi>x</mi><mo>+</mo><mn>1</mn>", "x+1"),
        ("<msub><mi>x</mi><mi>i</mi></msub>", "x_i"),
        ("<msup><mi>e</mi><mrow><mo>-</mo><mi>x</mi></mrow></msup>", "e^{-x}"),
        ("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>", "x_i^2"),
        ("<mfrac><mi>a</mi><mi>b</mi></mfrac>", "\\frac{a}{b}"),
        ("<msqrt><mi>x</mi><mo>+</mo><mi>y</mi></msqrt>", "\\sqrt{x+y}"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", "\\sqrt[3]{x}"),
        (
            (
                "<munderover><mo>&#x2211;</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi>"
                "</munderover><mi>i</mi>"
            ),
            "\\sum_{i=1}^{n}i",
        ),
        ("<munder><mi>lim</mi><mi>n</mi></munder>", "\\lim_{n}"),
        ("<mover><mi>x</mi><mo>^</mo></mover>", "\\hat{x}"),
        ("<mover><mi>v</mi><mo>&#x2192;</mo></mover>", "\\vec{v}"),
        ("<mi>&#x3B1;</mi><mi>x</mi>", "\\alpha x"),
        ("<mi>sin</mi><mi>x</mi>", "\\sin x"),
        ('<mi mathvariant="bold">x</mi>', "\\mathbf{x}"),
        ("<mi>&#x1D465;</mi>", "x"),
        ("<mi>&#x211D;</mi>", "\\mathbb{R}"),
        ("<mtext>if </mtext>", "\\text{if }"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", "(a,b)"),
        (
            (
                "<mo>(</mo><mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr>"
                "</mtable><mo>)</mo>"
            ),
            "\\begin{pmatrix}a & b\\end{pmatrix}",
        ),
        (
            '<mo>(</mo><mfrac linethickness="0"><mi>n</mi><mi>k</mi></mfrac><mo>)</mo>',
            "\\binom{n}{k}",
        ),
        ("<msup><mi>f</mi><mo>&#x2032;</mo></msup>", "f'"),
        ("<mstrange><mi>x</mi></mstrange>", "x"),
    ],
)
def test_presentation_becomes_tex(mathml: str, tex: str) -> None:
    assert converted(mathml) == tex


ROWS = (
    "<mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr>"
    "<mtr><mtd><mi>c</mi></mtd><mtd><mi>d</mi></mtd></mtr>"
)
BODY = "\na & b\\\\\nc & d\n"


@pytest.mark.parametrize(
    ("mathml", "tex"),
    [
        (f"<mtable>{ROWS}</mtable>", f"\\begin{{matrix}}{BODY}\\end{{matrix}}"),
        (
            f"<mrow><mo>[</mo><mtable>{ROWS}</mtable><mo>]</mo></mrow>",
            f"\\begin{{bmatrix}}{BODY}\\end{{bmatrix}}",
        ),
        (
            f"<mrow><mo>|</mo><mtable>{ROWS}</mtable><mo>|</mo></mrow>",
            f"\\begin{{vmatrix}}{BODY}\\end{{vmatrix}}",
        ),
        (
            f'<mfenced open="[" close="]"><mtable>{ROWS}</mtable></mfenced>',
            f"\\begin{{bmatrix}}{BODY}\\end{{bmatrix}}",
        ),
        (
            (
                '<mi>f</mi><mo>=</mo><mrow data-mjx-texclass="INNER"><mo '
                'data-mjx-texclass="OPEN">{</mo>'
                f'<mtable columnalign="left left" columnspacing="1em">{ROWS}</mtable>'
                '<mo data-mjx-texclass="CLOSE" fence="true" stretchy="true" '
                'symmetric="true"></mo></mrow>'
            ),
            f"f=\\begin{{cases}}{BODY}\\end{{cases}}",
        ),
        (
            f'<mfenced open="{{" close=""><mtable>{ROWS}</mtable></mfenced>',
            f"\\begin{{cases}}{BODY}\\end{{cases}}",
        ),
        (
            f"<mo>{{</mo><mtable>{ROWS}</mtable><mo>,</mo>",
            f"\\begin{{cases}}{BODY}\\end{{cases}},",
        ),
        (
            f'<mtable displaystyle="true" columnalign="right left">{ROWS}</mtable>',
            f"\\begin{{aligned}}{BODY}\\end{{aligned}}",
        ),
        (
            f'<mtable columnalign="left right" columnlines="solid">{ROWS}</mtable>',
            f"\\begin{{array}}{{l|r}}{BODY}\\end{{array}}",
        ),
        (
            (
                '<mtable displaystyle="true" columnalign="right"><mtr><mtd><mtable '
                'displaystyle="true" '
                f'columnalign="right left">{ROWS}</mtable></mtd></mtr></mtable>'
            ),
            f"\\begin{{aligned}}{BODY}\\end{{aligned}}",
        ),
        (
            (
                '<mtable side="right" displaystyle="true"><mlabeledtr><mtd '
                'id="mjx-eqn:1"><mtext>(1)'
                "</mtext></mtd><mtd><mi>x</mi></mtd></mlabeledtr></mtable>"
            ),
            "x \\tag{1}",
        ),
        (
            (
                "<munder><mo>&#x2211;</mo><mtable><mtr><mtd><mi>i</mi></mtd></mtr><mtr>"
                "<mtd><mi>j</mi>"
                "</mtd></mtr></mtable></munder>"
            ),
            "\\sum_{\\substack{i\\\\\nj}}",
        ),
        (
            "<mtable><mtr><mtd><mi>a</mi></mtd></mtr><mtr><mtd><mo>[</mo></mtd></mtr></mtable>",
            "\\begin{matrix}\na\\\\\n{}[\n\\end{matrix}",
        ),
    ],
)
def test_a_table_becomes_the_environment_it_was(mathml: str, tex: str) -> None:
    assert converted(mathml) == tex


@pytest.mark.parametrize(
    ("mathml", "tex"),
    [
        (
            "<mo>(</mo><mfrac><mi>a</mi><mi>b</mi></mfrac><mo>)</mo><mi>x</mi>",
            "\\left(\\frac{a}{b}\\right)x",
        ),
        ("<mo>(</mo><mi>a</mi><mo>)</mo>", "(a)"),
        (
            (
                '<mo stretchy="false">(</mo><mfrac><mi>a</mi><mi>b</mi></mfrac><mo '
                'stretchy="false">)</mo>'
            ),
            "(\\frac{a}{b})",
        ),
        (
            (
                "<msub><mrow><mo></mo><mfrac><mi>a</mi><mi>b</mi></mfrac><mo>|</mo></mrow>"
                "<mn>0</mn>"
                "</msub>"
            ),
            "{\\left.\\frac{a}{b}\\right|}_0",
        ),
        ("<msup><mrow><mo>(</mo><mi>a</mi><mo>)</mo></mrow><mn>2</mn></msup>", "(a)^2"),
        ("<msup><msup><mi>a</mi><mi>b</mi></msup><mi>c</mi></msup>", "{a^b}^c"),
        ('<mfenced open="" close="|" separators=""><mi>a</mi><mi>b</mi></mfenced>', "ab|"),
        (
            '<mfenced separators=";,"><mi>a</mi><mi>b</mi><mi>c</mi><mi>d</mi></mfenced>',
            "(a;b,c,d)",
        ),
        ("<mo>{</mo><mi>x</mi><mo>}</mo>", "\\{x\\}"),
        ("<mo>&#x2016;</mo><mi>x</mi><mo>&#x2016;</mo>", "\\|x\\|"),
    ],
)
def test_fences_grow_only_around_what_is_tall(mathml: str, tex: str) -> None:
    assert converted(mathml) == tex


@pytest.mark.parametrize(
    ("mathml", "tex"),
    [
        (
            (
                "<mmultiscripts><mi>X</mi><mn>1</mn><mn>2</mn><mprescripts/><mn>3</mn><mn>4</mn>"
                "</mmultiscripts>"
            ),
            "{}_3^4X_1^2",
        ),
        (
            (
                "<mmultiscripts><mi>C</mi><none/><none/><mprescripts/><mn>6</mn><none/>"
                "</mmultiscripts>"
            ),
            "{}_6C",
        ),
        ("<msubsup><mi>x</mi><mi>i</mi><mo>&#x2032;</mo></msubsup>", "x_i'"),
        (
            "<msup><mi>x</mi><mrow><mo>&#x2032;</mo><mn>2</mn></mrow></msup>",
            "x^{\\prime 2}",
        ),
        ("<msup><mn>90</mn><mo>&#xB0;</mo></msup>", "90^{\\circ}"),
        ("<mover><mrow><mi>A</mi><mi>B</mi></mrow><mo>&#xAF;</mo></mover>", "\\overline{AB}"),
        ("<mover><mi>x</mi><mo>&#xAF;</mo></mover>", "\\bar{x}"),
        ("<mover><mrow><mi>A</mi><mi>B</mi></mrow><mo>^</mo></mover>", "\\widehat{AB}"),
        ("<mover><mi>x</mi><mo>&#x2D9;</mo></mover>", "\\dot{x}"),
        ("<munder><mi>x</mi><mo>&#x332;</mo></munder>", "\\underline{x}"),
        (
            "<munder><munder><mi>x</mi><mo>&#x23DF;</mo></munder><mi>n</mi></munder>",
            "\\underbrace{x}_{n}",
        ),
        ("<mover><mo>&#x2192;</mo><mtext>f</mtext></mover>", "\\xrightarrow{\\text{f}}"),
        ("<mover><mo>=</mo><mtext>def</mtext></mover>", "\\overset{\\text{def}}{=}"),
        ("<munder><mi>argmin</mi><mi>x</mi></munder>", "\\operatorname*{argmin}_{x}"),
        ("<munder><mo>max</mo><mi>x</mi></munder>", "\\max_{x}"),
        ("<mi>lim&#x2009;sup</mi>", "\\limsup"),
        ("<mi>rank</mi><mo>&#x2061;</mo><mi>A</mi>", "\\operatorname{rank}A"),
        (
            "<mi>a</mi><mo>(</mo><mi>mod</mi><mspace width='0.333em'/><mi>n</mi><mo>)</mo>",
            "a\\pmod{n}",
        ),
        ("<mi>a</mi><mo>mod</mo><mi>n</mi>", "a\\bmod n"),
        ('<mfrac bevelled="true"><mi>a</mi><mi>b</mi></mfrac>', "a/b"),
        ('<menclose notation="box"><mi>x</mi></menclose>', "\\boxed{x}"),
        ('<menclose notation="updiagonalstrike"><mi>x</mi></menclose>', "\\cancel{x}"),
        ('<menclose notation="top"><mi>x</mi></menclose>', "\\overline{x}"),
        ("<mphantom><mi>x</mi></mphantom>", "\\phantom{x}"),
        ('<mstyle displaystyle="true"><mi>x</mi></mstyle>', "x"),
        ('<mstyle mathvariant="bold"><mi>x</mi></mstyle>', "\\mathbf{x}"),
        ("<maction><mi>x</mi><mi>y</mi></maction>", "x"),
        ('<mspace width="1em"/><mi>x</mi>', "\\quad x"),
        ('<mi>a</mi><mspace width="thinmathspace"/><mi>b</mi>', "a\\,b"),
        ("<merror><mtext>bad</mtext></merror>", "\\text{bad}"),
    ],
)
def test_elements_become_their_commands(mathml: str, tex: str) -> None:
    assert converted(mathml) == tex


@pytest.mark.parametrize(
    ("mathml", "tex"),
    [
        ('<mi mathvariant="double-struck">R</mi>', "\\mathbb{R}"),
        ('<mi data-mjx-variant="-tex-calligraphic" mathvariant="script">L</mi>', "\\mathcal{L}"),
        ('<mi mathvariant="fraktur">g</mi>', "\\mathfrak{g}"),
        ('<mi mathvariant="normal">d</mi><mi>x</mi>', "\\mathrm{d}x"),
        ('<mi mathvariant="normal">&#x221E;</mi>', "\\infty"),
        ('<mi mathvariant="bold">&#x3B1;</mi>', "\\boldsymbol{\\alpha}"),
        ("<mi>&#x1D400;&#x1D401;</mi>", "\\mathbf{AB}"),
        ("<mi>&#x1D4A9;</mi>", "\\mathcal{N}"),
        ("<mi>&#x2112;</mi>", "\\mathcal{L}"),
        ("<mi>&#x1D6FC;</mi><mi>x</mi>", "\\alpha x"),
        ("<mtext>50% of a_b &amp; $</mtext>", "\\text{50\\% of a\\_b \\& \\$}"),
        ('<mtext mathvariant="bold">if</mtext>', "\\textbf{if}"),
        ("<ms>a</ms>", '\\text{"a"}'),
        ("<mn>10</mn><mo>%</mo>", "10\\%"),
        ("<mi>A</mi><mo>&#x22A4;</mo>", "A\\top"),
    ],
)
def test_letters_keep_their_style(mathml: str, tex: str) -> None:
    assert converted(mathml) == tex


def test_what_follows_a_prefixed_empty_element_is_not_lost() -> None:
    tree = LexborHTMLParser(
        "<mml:math><mml:mmultiscripts><mml:mi>C</mml:mi><mml:mprescripts/><mml:mn>6</mml:mn>"
        "<mml:none/></mml:mmultiscripts><mml:mspace/><mml:mi>x</mml:mi></mml:math>"
    )
    math = tree.css_first("mml\\:math")
    assert math is not None
    assert to_tex(math) == "{}_6Cx"


def test_text_without_tokens_is_better_than_nothing() -> None:
    assert converted("x &lt; 1") == "x < 1"


@pytest.mark.parametrize(
    "mathml",
    [
        "<mrow>" * 5_000 + "<mi>x</mi>",
        "<msup><mi>x</mi>" * 2_000,
        "<mo>(</mo>" * 20_000 + "<mfrac><mi>x</mi><mi>y</mi></mfrac>" + "<mo>)</mo>" * 20_000,
        "<mtable><mtr>" + "<mtd><mi>x</mi></mtd>" * 20_000 + "</mtr></mtable>",
        "<mi>" + "\U0001d400" * 100_000 + "</mi>",
    ],
)
def test_a_huge_formula_is_read_in_linear_time(mathml: str) -> None:
    assert converted(mathml)


def test_nothing_becomes_nothing() -> None:
    assert converted("") == ""
