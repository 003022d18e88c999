"""MathML without a kept source: the converter's own work."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from extractors.html.mathml import to_tex


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
            "<mo>(</mo><mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr></mtable><mo>)</mo>",
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


def test_nothing_becomes_nothing() -> None:
    assert converted("") == ""
