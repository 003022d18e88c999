r"""Do two answers say the same? The policy, type by type, down to the leaves.

Decided here: an ordered pair is no list and no interval of other brackets; a list and a set have no
order; a unit named on both sides must agree (and converts), one that is left out agrees; per cent
is a hundredth and never left out; a name (``x =``) may be left out, but two names must agree; a
number in another base is compared by value, or by digits where the answer leaves the base out.

Runs inside the comparison process (``worker_process``), which limits its time and memory.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from synth.verification.answer import (
    Alternatives,
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
from synth.verification.number import exact_number
from synth.verification.parsing import parse_answer
from synth.verification.quantities import (
    IntractableError,
    is_same_quantity,
    is_same_value,
    refuse_intractable,
    without_spaces,
)

MAX_ITEMS = 64
MAX_PRODUCT_CHARS = 3
"""Words of so few letters may be products of variables."""

PAIR = 2
"""Items of what may be an interval or a ratio."""

_TIME = re.compile(r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?")


def is_equivalent(gold: str, answer: str) -> bool:
    """Whether ``answer``, in any spelling, is what ``gold`` is. Order matters: gold sets the form.

    Raises IntractableError for towers of powers, huge factorials and endless lists.
    """
    return _is_same(parse_answer(gold), parse_answer(answer))


def _is_same(gold: Answer, answer: Answer) -> bool:  # noqa: C901, PLR0911, PLR0912 - a case a pair
    if gold == answer:
        return True
    match gold, answer:
        case (Alternatives(forms), _):
            return any(_is_same(form, answer) for form in forms)
        case (_, Alternatives(forms)):
            return any(_is_same(gold, form) for form in forms)
        case (Choice(), _) | (_, Choice()):
            return _is_same_choice(gold, answer)
        case (Named() | Relation(), Named() | Relation()):
            return _is_same_statement(gold, answer)
        case (Named(value=value), _) if not isinstance(answer, Unordered) or not _names(answer):
            return _is_same(value, answer)
        case (_, Named(value=value)) if not isinstance(gold, Unordered) or not _names(gold):
            return _is_same(gold, value)
        case (Unordered(), _) | (_, Unordered()):
            return _is_same_collection(gold, answer)
        case (Bracketed() | Matrix(), Bracketed() | Matrix()):
            return _is_same_array(gold, answer)
        case (Based(), Based() | Expression()) | (Expression(), Based()):
            return _is_same_based(gold, answer)
        case (Ratio(), Ratio() | Expression()) | (Expression(), Ratio()):
            return _is_same_ratio(gold, answer)
        case (Expression(), Expression()):
            return is_same_quantity(gold, answer)
        case (Phrase(words), Expression(latex)) | (Expression(latex), Phrase(words)):
            is_product = len(words) <= MAX_PRODUCT_CHARS and words.isalpha()
            return is_product and is_same_value(words, latex.lower())
    return False


def _is_same_choice(gold: Answer, answer: Answer) -> bool:
    letters = [
        side.letter if isinstance(side, Choice) else _lone_letter(side) for side in (gold, answer)
    ]
    if None not in letters:
        return letters[0] == letters[1]
    contents = [side.content if isinstance(side, Choice) else side for side in (gold, answer)]
    return (
        contents[0] is not None and contents[1] is not None and _is_same(contents[0], contents[1])
    )


def _lone_letter(side: Answer) -> str | None:
    if isinstance(side, Expression) and re.fullmatch("[A-Ja-j]", side.latex):
        return side.latex.upper()
    return None


def _is_same_statement(gold: Answer, answer: Answer) -> bool:
    from synth.verification.symbolic import is_same_relation  # sympy takes a second to import

    if isinstance(gold, Named) and isinstance(answer, Named):
        if gold.name == answer.name:
            return _is_same(gold.value, answer.value)
        if {_is_function(gold.name), _is_function(answer.name)} == {True, False} and "y" in (
            gold.name,
            answer.name,
        ):
            return _is_same(gold.value, answer.value)
        if not (isinstance(gold.value, Expression) and isinstance(answer.value, Expression)):
            return False
    latex = [side.latex for side in (gold, answer) if isinstance(side, Named | Relation)]
    for text in latex:
        refuse_intractable(text)
    return without_spaces(latex[0]) == without_spaces(latex[1]) or is_same_relation(*latex)


def _is_function(name: str) -> bool:
    return name.endswith(")")


def _names(answer: Answer) -> list[str]:
    """Names of a list of statements about different unknowns, in its order; else nothing."""
    if not isinstance(answer, Unordered):
        return []
    names = [item.name for item in answer.items if isinstance(item, Named)]
    return names if len(names) == len(answer.items) == len(set(names)) else []


def _is_same_collection(gold: Answer, answer: Answer) -> bool:
    match gold, answer:
        case (Unordered() as named, Bracketed() as point) | (
            Bracketed() as point,
            Unordered() as named,
        ):
            if names := _names(named):  # "x=2, y=3" for the point (2, 3)
                by_name = dict(zip(names, named.items, strict=True))
                values = [by_name[name] for name in sorted(names)]
                return len(values) == len(point.items) and all(map(_is_same, values, point.items))
    gold_items = gold.items if isinstance(gold, Unordered) else (gold,)
    answer_items = answer.items if isinstance(answer, Unordered) else (answer,)
    return _is_permutation(gold_items, answer_items)


def _is_permutation(gold: Sequence[Answer], answer: Sequence[Answer]) -> bool:
    if len(gold) != len(answer):
        return False
    if len(gold) > MAX_ITEMS:
        raise IntractableError(f"{len(gold)} items")
    # What is written the same pairs off first; algebra only sees the rest.
    remaining = list(answer)
    unmatched = []
    for item in gold:
        if item in remaining:
            remaining.remove(item)
        else:
            unmatched.append(item)
    for item in unmatched:
        position = next((at for at, other in enumerate(remaining) if _is_same(item, other)), None)
        if position is None:
            return False
        remaining.pop(position)
    return True


def _is_same_array(gold: Answer, answer: Answer) -> bool:
    if isinstance(gold, Matrix) and isinstance(answer, Matrix):
        return _shape(gold) == _shape(answer) and all(
            _is_same(*cells)
            for rows in zip(gold.rows, answer.rows, strict=True)
            for cells in zip(*rows, strict=True)
        )
    if isinstance(gold, Bracketed) and isinstance(answer, Bracketed):
        has_same_brackets = (gold.opening, gold.closing) == (answer.opening, answer.closing)
        # Two items may be an interval, whose brackets matter; three or more are a vector.
        if not has_same_brackets and len(gold.items) == PAIR:
            return False
    items = [
        side.items if isinstance(side, Bracketed) else _vector(side) for side in (gold, answer)
    ]
    return len(items[0]) == len(items[1]) > 0 and all(map(_is_same, *items))


def _shape(matrix: Matrix) -> tuple[int, int]:
    return len(matrix.rows), len(matrix.rows[0])


def _vector(side: Answer) -> tuple[Answer, ...]:
    """Entries of a matrix of one row or column; empty for any other."""
    if isinstance(side, Matrix) and 1 in _shape(side):
        return tuple(cell for row in side.rows for cell in row)
    return ()


def _is_same_based(gold: Answer, answer: Answer) -> bool:
    if isinstance(gold, Based) and isinstance(answer, Expression):
        return answer.latex.upper() == gold.digits or exact_number(answer.latex) == gold.value
    values = [
        side.value if isinstance(side, Based) else exact_number(side.latex)
        for side in (gold, answer)
        if isinstance(side, Based | Expression)
    ]
    return values[0] == values[1]


def _is_same_ratio(gold: Answer, answer: Answer) -> bool:
    match gold, answer:
        case Ratio(), Ratio():
            return _is_same_time(gold, answer) or _is_proportional(gold, answer)
        case (Ratio() as ratio, Expression() as other) | (Expression() as other, Ratio() as ratio):
            if len(ratio.parts) != PAIR or _clock(ratio) is not None or other.unit is not None:
                return False
            return is_same_value(f"\\frac{{{ratio.parts[0]}}}{{{ratio.parts[1]}}}", other.latex)
    return False


def _is_same_time(gold: Ratio, answer: Ratio) -> bool:
    if _clock(gold) is None or _clock(answer) is None:
        return False
    is_unmarked = not (gold.suffix and answer.suffix)
    return _clock(gold) == _clock(answer) or (is_unmarked and gold.parts == answer.parts)


def _is_proportional(gold: Ratio, answer: Ratio) -> bool:
    if any(map(_is_clock_only, (gold, answer))) or None not in (_clock(gold), _clock(answer)):
        return False
    first, second = ([Fraction(part) for part in side.parts] for side in (gold, answer))
    if len(first) != len(second) or first[0] == 0 or second[0] == 0:
        return first == second
    return [part / first[0] for part in first] == [part / second[0] for part in second]


def _is_clock_only(ratio: Ratio) -> bool:
    """A part with a leading zero, or "am" or "pm", is never part of a ratio."""
    return bool(ratio.suffix) or any(re.match(r"0\d", part) for part in ratio.parts)


def _clock(ratio: Ratio) -> tuple[int, ...] | None:
    """Hour, minute and second of a time of day; None for a ratio."""
    if not _TIME.fullmatch(":".join(ratio.parts)):
        return None
    hour, *rest = (int(part) for part in ratio.parts)
    if ratio.suffix:
        hour = hour % 12 + (12 if ratio.suffix == "pm" else 0)
    return (hour, *rest)
