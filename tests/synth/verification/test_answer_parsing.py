import pytest

from synth.verification.answer import (
    NOTHING,
    REALS,
    Answer,
    Based,
    Bracketed,
    Choice,
    Expression,
    Matrix,
    Named,
    Phrase,
    Ratio,
    Relation,
    Unordered,
)
from synth.verification.latex import canonical
from synth.verification.parsing import parse_answer
from synth.verification.units import DEGREE, PERCENT, parse_unit

ONE, TWO = Expression("1"), Expression("2")


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("$10,\\!080$.", "10080"),
        ("1,234", "1234"),
        ("(1,234)", "(1,234)"),
        ("2\u00bd", "2 \\frac{1}{2}"),
        ("2 1/2", "2\\frac{1}{2}"),
        ("x\u00b2 \u2264 \u221a3", "x^{2} \\le \\sqrt{3}"),
        ("\\frac9{19}", "\\frac{9}{19}"),
        ("sqrt(3)/2", "\\sqrt{3}/2"),
        ("6.02e23", "6.02\\cdot 10^{23}"),
        ("3 x 10^8", "3\\cdot 10^8"),
        ("$5.00", "\\USD 5.00"),
        ("\\dfrac{1}{2}\\,", "\\frac{1}{2}"),
        ("0.1\\overline{6}", "\\frac{15}{90}"),
        ("0.333...", "\\frac{3}{9}"),
        ("\\sum_{k=1}^{10} k", "\\sum_{k=1}^{10} k"),
    ],
)
def test_one_spelling(text: str, spelling: str) -> None:
    assert canonical(text) == spelling


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("(1,2)", Bracketed((ONE, TWO), "(", ")")),
        ("[1,2)", Bracketed((ONE, TWO), "[", ")")),
        ("1,2", Unordered((ONE, TWO))),
        ("\\{1,2,1\\}", Unordered((ONE, TWO))),
        ("1 or 2", Unordered((ONE, TWO))),
        ("\\pm 2", Unordered((TWO, Expression("- 2")))),
        ("x=1", Named("x", ONE, "x=1")),
        ("x=1,2", Named("x", Unordered((ONE, TWO)), "x=1,x=2")),
        ("x<2", Named("x", Bracketed((REALS.items[0], TWO), "(", ")"), "x<2")),
        ("2>=x>1", Named("x", Bracketed((ONE, TWO), "(", "]"), "2\\ge x>1")),
        ("x>1 and x<2", Named("x", Bracketed((ONE, TWO), "(", ")"), "x>1 and x<2")),
        ("all real numbers", REALS),
        ("no solutions", NOTHING),
        ("\\emptyset", NOTHING),
        ("x+y=1", Relation("x+y=1")),
        ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", Matrix(((ONE,), (TWO,)))),
        ("[[1,2],[2,1]]", Matrix(((ONE, TWO), (TWO, ONE)))),
        ("\\text{(B)}", Choice("B")),
        ("(B) 2", Choice("B", TWO)),
        ("1:2", Ratio(("1", "2"), "")),
        ("3:15 p.m.", Ratio(("3", "15"), "pm")),
        ("11_2", Based("11", 2)),
        ("x_2", Expression("x_2")),
        ("50%", Expression("50", PERCENT)),
        ("90^\\circ", Expression("90", DEGREE)),
        ("\\tan 45^\\circ", Expression("\\tan 45^\\circ")),
        ("forty-two", Expression("42")),
        ("Monday", Phrase("monday")),
        ("", Phrase("")),
    ],
)
def test_structure(text: str, answer: Answer) -> None:
    assert parse_answer(text) == answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cm^2", "square centimeters"),
        ("m/s", "meters per second"),
        ("kg\\cdot m^2/s^2", "J"),
        ("\\text{ft}^{3}", "cubic feet"),
        ("inches", "in"),
        ("children", "child"),
    ],
)
def test_units_that_are_the_same(one: str, other: str) -> None:
    assert parse_unit(one, only_known=False) == parse_unit(other, only_known=False) is not None


@pytest.mark.parametrize(("one", "other"), [("cm", "m"), ("m", "m^2"), ("apples", "pears")])
def test_units_that_differ(one: str, other: str) -> None:
    assert parse_unit(one, only_known=False) != parse_unit(other, only_known=False)


def test_an_unknown_word_is_no_unit_where_only_known_ones_are_asked_for() -> None:
    assert parse_unit("apples", only_known=True) is None
    assert parse_unit("m", only_known=True) is not None
