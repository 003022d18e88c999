r"""Labels that set exercises and solutions apart: "Exercise 3.2", "**Solution.**", "Q:", "A:".

The words are those of textbooks and lecture notes in English, German, French, Spanish, Italian,
Portuguese, Russian and Chinese. A label is one only by what follows it: a number, a full stop or a
colon, or the end of a heading, of bold type or of the line; "Solution of the equation" is none.
"""

import re
from dataclasses import dataclass
from typing import Literal

LabelKind = Literal["question", "answer", "hint", "other"]

_QUESTION = (
    r"(?:Worked |Practice |Sample |Review )?(?:Exercise|Problem|Question|Example|Puzzle)"
    r"|Aufgabe|\u00dcbung|Beispiel|Frage|Exercice|Exemple|Probl\u00e8me|Ejercicio|Problema|Pregunta"
    r"|Ejemplo|Esercizio|Esempio|Domanda|Exerc\u00edcio|Exemplo|Pergunta"
    r"|\u0417\u0430\u0434\u0430\u0447\u0430|\u041f\u0440\u0438\u043c\u0435\u0440"
    r"|\u0412\u043e\u043f\u0440\u043e\u0441"
    r"|\u0423\u043f\u0440\u0430\u0436\u043d\u0435\u043d\u0438\u0435"
    r"|\u4f8b\u9898|\u4e60\u9898|\u7ec3\u4e60|\u95ee\u9898|\u4f8b|\u95ee"
)
_ANSWER = (
    r"(?:Model |Sample |Full )?(?:Solution|Answer)|L\u00f6sung|Antwort|R\u00e9ponse|Corrig\u00e9"
    r"|Soluci\u00f3n|Respuesta|Soluzione|Risposta|Solu\u00e7\u00e3o|Resposta"
    r"|\u0420\u0435\u0448\u0435\u043d\u0438\u0435|\u041e\u0442\u0432\u0435\u0442"
    r"|\u89e3\u7b54|\u89e3\u6790|\u7b54\u6848|\u89e3|\u7b54"
)
_HINT = (
    r"Hint|Hinweis|Indication|Pista"
    r"|\u041f\u043e\u0434\u0441\u043a\u0430\u0437\u043a\u0430|\u63d0\u793a"
)
_OTHER = (
    r"Theorem|Lemma|Proposition|Corollary|Definition|Remark|Proof|Note|Claim|Conjecture|Discussion"
    r"|Comment|Summary|Satz|Beweis|Bemerkung|Th\u00e9or\u00e8me|D\u00e9monstration|Remarque"
    r"|\u5b9a\u7406|\u5b9a\u4e49|\u8bc1\u660e|\u6ce8"
)
_NUMBER = r"\(?(?P<number>\d{1,3}(?:[.\-]\d{1,3}){0,3}(?:\.?[a-z](?![a-z]))?|[A-Z]\.?\d{1,3})\)?"
_SOURCE = r"(?: ?\([^()\n]{1,60}\))?"  # "(IMO 1995)", "(easy)"
_LABEL = re.compile(
    r"(?:\#{1,6} +|[-*+] +|> *)?(?P<bold>\*\*|__)?[*_]?"
    rf"(?:(?P<question>{_QUESTION})|(?P<answer>{_ANSWER})|(?P<hint>{_HINT})|(?P<other>{_OTHER}))"
    rf"(?:(?: (?:to|for|of))?(?: the)?(?: (?:{_QUESTION}))?[ .#]*{_NUMBER})?{_SOURCE}"
    r"(?P<end>[*_]* *[.:](?=[*_]*(?:\s|$))[*_]*|[*_]* *[\uff1a\uff0e\u3001][*_]*"
    r"|[*_]{1,3} *[.:]?(?=\s|$)|[*_]* *[-\u2013\u2014](?=\s)|\)|(?= *$)"
    r"|[*_]*[ \u3000]+(?=[A-Z$\\(\u4e00-\u9fff]))"
    r"[ \u3000]*"
)
_SHOUTED = re.compile(r"(?<![^\W_])[A-Z]{4,}(?![^\W_])")
_BRIEF = re.compile(
    r"(?:\#{1,6} +|[-*+] +)?(?:\*\*|__)?[*_]?(?P<word>[QA])(?:\.? ?(?P<number>\d{1,3}))?"
    r"(?P<end>[*_]* ?[:\uff1a][*_]*|[*_]* ?\.(?=[ *_])[*_]*|\)|[*_]{2})[ \u3000]*(?=\S|$)"
)
_UNNUMBERED_ENDS = frozenset(" \u3000")

MAX_LABEL_CHARS = 160
"""Looked at of a block's start: a label with number and source is not longer."""


@dataclass(frozen=True)
class Label:
    """What a block begins with; ``length`` characters, ``word`` in lower case.

    ``number`` is None where there is none, and may be the number of the exercise that a solution
    belongs to.
    """

    kind: LabelKind
    word: str
    number: str | None
    length: int


def label_of(text: str) -> Label | None:
    """The label at the start of a block or line; None where it begins otherwise.

    >>> label_of("**Exercise 3.2.** Show that"), label_of("Example code is short.")
    (Label(kind='question', word='exercise', number='3.2', length=18), None)
    """
    head = text[:MAX_LABEL_CHARS].split("\n", 1)[0]
    if brief := _BRIEF.match(head):
        is_question = brief["word"] == "Q"
        is_stop = "." in brief["end"] or brief["end"] == ")"
        if is_question or not is_stop or brief["number"]:  # "A." and "A)" are choices
            kind: LabelKind = "question" if is_question else "answer"
            return Label(kind, brief["word"].lower(), brief["number"], brief.end())
    shown = _SHOUTED.sub(lambda match: match.group().capitalize(), head)  # "SOLUTION"
    match = _LABEL.match(shown)
    if match is None:
        return None
    if not match["number"] and match["end"] and set(match["end"]) <= _UNNUMBERED_ENDS:
        return None  # "Example Code", "Solution The"
    kinds: tuple[LabelKind, ...] = ("question", "answer", "hint", "other")
    found = next(kind for kind in kinds if match[kind])
    return Label(found, match[found].split()[-1].lower(), match["number"], match.end())
