"""What kind of answer a question wants: by rule, for the choice of problems that can be checked.

OpenMathReasoning (arXiv 2504.16891) drops multiple choice, yes-or-no questions and proofs before it
samples solutions, since neither can be told right from wrong by a final answer. There a model tells
them apart; here words do, so what is unclear is ``open`` rather than ``value``.
"""

import re

from synth.questions import prose
from synth.questions.question_answer import ProblemKind

MIN_OPTIONS = 3
"""Two may be the parts of an exercise."""

MAX_OPTION_CHARS = 160

MAX_PROBLEM_WORDS = 120
"""Ours: a problem in words alone is short; a longer text with a number in it is a story."""

_PROOF = re.compile(
    r"\b(?:prove|disprove|show|demonstrate|deduce|verify|establish|justify"
    r"|conclude)(?: (?:by induction"
    r"|directly|carefully|briefly|also|now|first))?,? (?:that|the (?:following|identity|inequality"
    r"|theorem|lemma|claim)|\$|it\b)|\bprove\b|\bgive a proof\b|\bproof of\b"
    r"|\b(?:beweise|zeige)n?(?: Sie)?,? dass\b|\b(?:montrer|d\u00e9montrer|prouver) que\b"
    r"|\b(?:demuestr[ae]|demostrar|probar|pruebe) que\b"
    r"|\b\u0434\u043e\u043a\u0430\u0436\u0438\u0442\u0435"
    r"|\u8bc1\u660e|\u6c42\u8bc1|\u8b49\u660e",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"\b(?:find|compute|calculate|evaluate|solve|simplify|factor|expand|differentiate|integrate"
    r"|convert"
    r"|estimate|determine(?! (?:whether|if)\b)|how (?:many|much|long|far|fast|old|tall|large|big"
    r"|high)"
    r"|what (?:is|are|was|were|will be|would be"
    r"|must be)? ?(?:the )?(?:\w+ ){0,3}(?:value|sum"
    r"|product"
    r"|area|volume|probability|number|length|distance|speed|ratio|percent\w*|derivative|integral"
    r"|limit"
    r"|remainder|difference|average|mean|median|cost|price|total|angle|perimeter|radius|mass|time"
    r"|age)"
    r"|what (?:number|value|fraction|percent\w*)|give the value"
    r"|berechnen?|bestimmen?|l\u00f6sen?|wie ?viele?|calculer|d\u00e9terminer|combien|calcul[ae]r?"
    r"|hall(?:a|ar|e)"
    r"|cu\u00e1nt[oa]s?|quanto|trova|\u043d\u0430\u0439\u0434\u0438\u0442\u0435"
    r"|\u0441\u043a\u043e\u043b\u044c\u043a\u043e"
    r"|\u0432\u044b\u0447\u0438\u0441\u043b\u0438\u0442\u0435)\b"
    r"|\u6c42(?!\u8bc1|\u52a9)|\u8ba1\u7b97|\u591a\u5c11|\u5219.{0,80}(?:=|\u4e3a|\u662f)"
    r"|\u89e3\u65b9\u7a0b"
    r"|\bwhat (?:is|are|does) \$",
    re.IGNORECASE,
)
_CHOICE_STEM = re.compile(
    r"\bwhich (?:one )?of (?:the following|these)\b|\bmultiple[- ]choice\b|\b(?:choose|select"
    r"|pick) (?:the"
    r" |one )?(?:correct|right|best (?:answer|option)|answer)\b|\u4e0b\u5217.{0,60}(?:\u6b63\u786e"
    r"|\u9519\u8bef)\u7684\u662f",
    re.IGNORECASE,
)
_OPTION = re.compile(
    r"(?:(?<=\s)|^)[-*+]? ?(?:\*\*)?(?:\(([A-Ha-h])\)|\$?\\?(?:text|mathrm"
    r"|textbf)?\{?\(?\\?(?:mathrm|text|"
    r"textbf)\{\(?([A-H])\)?\}\)?|([A-Ha-h])[.)\uff0e\u3001])(?:\*\*)?~?\s*(?=\S)",
    re.MULTILINE,
)
_YES_NO = re.compile(
    r"(?:is|are|was(?!.*\b(?:der|die|das|und|Sie)\b)|were|does|do|did|can|could|will|would|should"
    r"|has|have|had|must"
    r"|may)(?:n't)? (?!there"
    r" (?:a|any) way|(?:you|any(?:one|body)|some(?:one|body)) (?:\w+ )?(?:please|help|explain"
    r"|recommend"
    r"|suggest|tell|show|give|know|have))\S.*[?\uff1f]",
    re.IGNORECASE | re.DOTALL,
)
_TRUE_FALSE = re.compile(
    r"\btrue or false\b|\b(?:determine|decide|state|say|check) (?:whether|if)\b|[\u5417][\uff1f?]"
    r"|\u662f\u5426|\u5bf9\u9519",
    re.IGNORECASE,
)
_OPEN_WORD = re.compile(
    r"\b(?:what|why|how|which|who|when|where|explain|describe|discuss|find|compute|calculate)\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\b(?:write|implement|code|debug|fix) (?:an? |the |some )?(?:\w+ ){0,3}(?:function|program"
    r"|script|method"
    r"|class|query|algorithm|code|procedure|regex|macro)\b|\b(?:compile[rd]?|stack ?trace|traceback"
    r"|syntax error|segfault|runtime error|REST API|SQL|regex|npm|pip install|git)\b",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^ *(?:`{3}|~{3})", re.MULTILINE)
_YES_OR_NO = re.compile(r"\W*(?:yes|no|true|false)\b", re.IGNORECASE)


def options_of(question: str) -> tuple[str, ...]:
    """Letters of the options that a question offers, in their order; empty where it offers none.

    They begin with A (or a), follow one another, and are short: parts of an exercise, which are
    lettered too, ask something each.
    """
    letters: list[str] = []
    starts: list[int] = []
    expected = 0
    for match in _OPTION.finditer(question):
        letter = next(filter(None, match.groups()))
        if ord(letter.upper()) - ord("A") == expected and (
            not letters or letter.isupper() == letters[0].isupper()
        ):
            letters.append(letter)
            starts.append(match.end())
            expected += 1
    if len(letters) < MIN_OPTIONS:
        return ()
    ends = [*starts[1:], len(question)]
    contents = [question[start:end] for start, end in zip(starts, ends, strict=True)]
    are_short = all(len(content) <= MAX_OPTION_CHARS for content in contents[:-1])
    are_parts = any(prose.is_exercise(content) for content in contents)
    if letters[0].islower():
        are_parts = are_parts or not _CHOICE_STEM.search(question)
    return () if are_parts or not are_short else tuple(letters)


def needs_options(question: str) -> bool:
    """Whether a question speaks of options that it does not offer."""
    return bool(_CHOICE_STEM.search(prose.plain(question))) and not options_of(question)


def problem_kind(question: str, answer: str) -> ProblemKind:
    """The kind of ``question``; ``answer`` decides where it says yes or no, or is a listing."""
    words = prose.plain(question)
    if options_of(question):
        return "choice"
    wants_value = _VALUE.search(words) is not None
    if _PROOF.search(question) and not wants_value:
        return "proof"
    has_number = any(char.isdigit() for char in words)
    is_mathematics = "$" in question or (has_number and prose.num_words(words) <= MAX_PROBLEM_WORDS)
    if _FENCE.search(question) or ("$" not in question and _CODE.search(words)):
        return "code"
    if _is_yes_no(words, answer) and not wants_value:
        return "yes_no"
    if wants_value and is_mathematics:
        return "value"
    return "code" if _FENCE.search(answer) else "open"


def _is_yes_no(words: str, answer: str) -> bool:
    if _TRUE_FALSE.search(words):
        return True
    asking = [part for part in prose.sentences_of(words) if part.endswith(("?", "\uff1f"))]
    if not asking:
        return False
    are_yes_no = [bool(_YES_NO.fullmatch(part)) and not _OPEN_WORD.search(part) for part in asking]
    return all(are_yes_no) or (any(are_yes_no) and bool(_YES_OR_NO.match(answer)))
