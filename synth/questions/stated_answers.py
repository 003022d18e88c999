r"""The final answer that a solution states, where it is one that a checker can compare with.

A box, "Answer: 42", an answer that is nothing but a number or formula, or a last sentence that
concludes with one equation ("Hence $x = 5$."). An exercise of several parts has several, which are
none; neither has a proof or an opinion. What is found becomes a label, so doubt gives None.
"""

import re

from synth.questions.prose import sentences_of
from synth.questions.question_answer import ProblemKind
from synth.verification.final_answer import final_answers
from synth.verification.latex import canonical, without_redundant_brackets
from synth.verification.number import exact_number

MAX_FINAL_CHARS = 80
MAX_FINAL_WORDS = 3
"""Words beside the number or formula: "12 square metres", "x = 3 or x = 5"."""

_MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_COMMAND = re.compile(r"\\[a-zA-Z]+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_MARKED = re.compile(r"\\(?:boxed|fbox)\b|####|\banswers?\b[*_ ]*(?:is|=|:)", re.IGNORECASE)
_CONCLUDES = re.compile(
    r"^\W*(?:so|thus|hence|therefore|then|we (?:get|find|have|obtain|conclude)|it follows"
    r"|this (?:gives|is)"
    r"|consequently|finally|\u6240\u4ee5|\u56e0\u6b64|\u6545|\u4e8e\u662f|also|daher|also|donc"
    r"|luego|por tanto)\b",
    re.IGNORECASE,
)
_PARTS = re.compile(r"(?:(?<=\s)|^)(?:\*\*)?\(?([ab]|ii?|[12])[.)](?:\*\*)?\s", re.MULTILINE)
_CHOICE = re.compile(
    r"\W*(?:(?:the )?(?:correct |right )?(?:answer|option|choice)(?: is)?:?\s*)?[\W_]*\(?([A-Ha-h])"
    r"(?:[).:,\uff0e]|\*\*|$|\s*$)",
    re.IGNORECASE,
)
_TRAILING = " .,;:\u3002\uff0c\uff0e*_"


def final_answer(question: str, answer: str, kind: ProblemKind) -> str | None:
    r"""What ``answer`` states in the end; None where it is nothing to compare with.

    >>> final_answer("Solve $2x = 10$.", "Divide by 2. Hence $x = 5$.", "value")
    'x = 5'
    """
    if kind == "choice":
        match = _CHOICE.match(answer)
        return None if match is None else match.group(1).upper()
    if kind != "value":
        return None
    if _MARKED.search(answer):
        stated = final_answers(answer)
        return _short(stated[0]) if len(stated) == 1 else None
    if has_parts(question) or has_parts(answer):
        return None
    concluded = _concluded(answer)
    return _short(answer) if concluded is None else concluded


def has_parts(text: str) -> bool:
    """Whether a text has parts (a) and (b), or 1. and 2.: more than one thing is asked or found."""
    letters = {match.group(1) for match in _PARTS.finditer(text)}
    return any(pair <= letters for pair in ({"a", "b"}, {"i", "ii"}, {"1", "2"}))


def _short(text: str) -> str | None:
    """A number or formula with few words around it, without its dollar signs."""
    bare = text.strip().strip(_TRAILING).strip()
    whole = _MATH.fullmatch(bare)
    if whole is not None:
        bare = next(filter(None, whole.groups())).strip().strip(_TRAILING).strip()
    if not bare or len(bare) > MAX_FINAL_CHARS or "\n" in bare:
        return None
    if len(sentences_of(_MATH.sub("$", bare))) > 1:
        return None
    words = _WORD.findall(_COMMAND.sub(" ", _MATH.sub(" ", bare)))
    has_value = (
        whole is not None or any(char.isdigit() for char in bare) or "\\" in bare or "$" in bare
    )
    return bare if has_value and len(words) <= MAX_FINAL_WORDS else None


def _concluded(answer: str) -> str | None:
    """The equation at the end of a last sentence that draws a conclusion: "Thus $x = 5$."."""
    formulas = list(_MATH.finditer(answer))
    if not formulas or answer[formulas[-1].end() :].strip(_TRAILING + "\n\u220e\u25a1\u25a0"):
        return None
    before = answer[: formulas[-1].start()]
    lead = (sentences_of(before) or [""])[-1]
    if not _CONCLUDES.search(lead) or "$" in lead:
        return None
    stated = next(filter(None, formulas[-1].groups())).strip().strip(_TRAILING).strip()
    name, equals, value = stated.rpartition("=")
    spelled = without_redundant_brackets(canonical(value if equals else stated))
    if len(stated) > MAX_FINAL_CHARS or exact_number(spelled) is None:
        return None
    return stated if name.count("=") == 0 else f"{name.split('=')[0].strip()} = {value.strip()}"
