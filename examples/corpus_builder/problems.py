"""Writes `problems/`: examination questions with the answers their source prints."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from corpus_builder.archives import PackageFiles
from corpus_builder.packages import TEXLIVE_PUBLISHERS_DOC
from corpus_builder.tables import json_lines


class Problem(TypedDict):
    """A question with its answer as the source prints it."""

    id: str
    problem: str
    answer: str
    kind: str  # "fill-in" or "choice"
    language: str
    license: str
    source: str


def write_problems(files: PackageFiles, corpus: Path) -> None:
    """Write the questions of two university examinations, with the printed answers."""
    folder = corpus / "problems"
    folder.mkdir(parents=True, exist_ok=True)
    problems = [*_jinan_problems(files), *_hefei_problems(files)]
    (folder / "examinations.jsonl").write_bytes(json_lines(problems))


_JINAN = "usr/share/doc/texlive-doc/latex/jnuexam/exam-a.tex"
_HEFEI = "usr/share/doc/texlive-doc/latex/hfutexam/hfutexam_simple.tex"
_BLANK = "\uff08 \uff09"  # full-width parentheses, as the papers print them
_MACROS = {  # the classes' own commands, written out
    r"\e": r"\mathrm{e}",
    r"\d": r"\mathrm{d}",
    r"\dx": r"\,\mathrm{d}x",
    r"\va": r"\vec{a}",
    r"\vb": r"\vec{b}",
    r"\vc": r"\vec{c}",
    r"\diff": r"\,\mathrm{d}",
    r"\CJKunderline": r"\text",
}


def _plain_tex(text: str) -> str:
    """``text`` with the classes' commands written out and lists of choices as lines A. to D."""
    text = re.sub(r"\\[A-Za-z]+", lambda found: _MACROS.get(found[0], found[0]), text)
    for letter in "ABCD":
        text = text.replace(r"\item", f"{letter}.", 1)
    text = re.sub(r"\\(begin|end)\{abcd\}", "", text)
    return re.sub(r"\n{2,}", "\n", re.sub(r"[ \t]+", " ", text)).strip()


def _problem(number: int, name: str, problem: str, answer: str, kind: str) -> Problem:
    return {
        "id": f"{name}-{number:02d}",
        "problem": problem,
        "answer": answer,
        "kind": kind,
        "language": "zh",
        "license": TEXLIVE_PUBLISHERS_DOC.license,
        "source": f"{TEXLIVE_PUBLISHERS_DOC.label}: {name}",
    }


def _jinan_problems(files: PackageFiles) -> Iterator[Problem]:
    """Questions whose answer is printed in the blank: the rest are proofs and calculations."""
    text = files.read_one(TEXLIVE_PUBLISHERS_DOC, _JINAN).decode("utf-8")
    blocks = re.findall(r"\\begin\{problem\}(.*?)\\end\{problem\}", text, re.DOTALL)
    number = 0
    for block in blocks:
        filled = re.search(r"\\fillout\{\$(.*)\$\}", block)
        picked = re.search(r"\\pickout\{([A-D])\}", block)
        if filled:
            number += 1
            blank = block.replace(filled[0], r"\underline{\quad}")
            yield _problem(number, "jnuexam", _plain_tex(blank), _plain_tex(filled[1]), "fill-in")
        elif picked:
            number += 1
            blank = block.replace(picked[0], _BLANK)
            yield _problem(number, "jnuexam", _plain_tex(blank), picked[1], "choice")


def _hefei_problems(files: PackageFiles) -> Iterator[Problem]:
    """Questions of paper A, joined with the answer sheet that follows it."""
    text = files.read_one(TEXLIVE_PUBLISHERS_DOC, _HEFEI).decode("utf-8")
    _, paper, sheet, *_ = text.split(r"\maketitle")[1:]
    answers = re.findall(r"\\fillblank\{\$(.*?)\$\}", sheet)
    letters = re.findall(r"\\xuanzeti\{\d\}\{([A-D])\}", sheet)
    lists = re.findall(r"\\begin\{enumerate\}\s*\\item(.*?)\\end\{enumerate\}", paper, re.DOTALL)
    filled, chosen = (re.split(r"\n\\item", part) for part in lists[:2])
    pairs = [
        (question, answer, "fill-in") for question, answer in zip(filled, answers, strict=True)
    ]
    pairs += [
        (question, answer, "choice") for question, answer in zip(chosen, letters, strict=True)
    ]
    number = 0
    for source, answer, kind in pairs:
        if "tikzpicture" in source:  # needs its figure
            continue
        number += 1
        question = source.replace(r"\fillblank{}", r"\underline{\quad}")
        question = re.sub(r"\\xx(\[\d\])?", "", question).replace("(~~~~)", _BLANK)
        if kind == "choice":
            question = _choices(question)
        yield _problem(number, "hfutexam", _plain_tex(question), _plain_tex(answer), kind)


def _choices(question: str) -> str:
    """``question`` with the four braced groups at its end as lines of their own."""
    stem, _, groups = question.partition("\n{")
    stream = io.StringIO("{" + groups)
    depth, choices, choice = 0, [], ""
    while character := stream.read(1):
        if character == "}":
            depth -= 1
            if depth == 0:
                choices.append(choice)
        if depth > 0:
            choice += character
        if character == "{":
            depth += 1
            if depth == 1:
                choice = ""
    return stem + "".join(f"\n\\item {choice}" for choice in choices)
