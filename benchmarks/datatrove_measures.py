"""The values that datatrove's filters compare with their bounds, found by moving the bounds.

Run by an interpreter that has datatrove (``requirements/peers.in``). JSON lines {text} in, or
{text, near: {measure: value}}; JSON lines {measure: value} out. The filters give verdicts only, so
a value is where the verdict turns: each filter runs with all other bounds switched off, and the
bound is found by halving. With ``near`` a measure is only tried at 2% below and above the value
given there, and what comes out is whether it lies between.

    .venv-peers/bin/python benchmarks/datatrove_measures.py < texts.jsonl > measures.jsonl
"""

import json
import math
import sys
from collections.abc import Callable
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

HALVINGS = 34
HIGHEST = 64.0
TOLERANCE_RATIO = 0.02
SMALLEST = 1e-9
"""Stands for a bound of 0, which the filters take for none."""

Verdict = Callable[[float], bool]


def main() -> None:
    """Measure every line."""
    for line in sys.stdin:
        asked = json.loads(line)
        text, near = asked["text"], asked.get("near")
        verdicts = measures_of(text)
        if near is None:
            found: dict[str, Any] = {
                name: turning_point(is_above, is_whole=name in WHOLE)
                for name, is_above in verdicts.items()
            }
        else:
            found = {
                name: is_near(verdicts[name], value, is_whole=name in WHOLE)
                for name, value in near.items()
            }
        print(json.dumps(found))


def measures_of(text: str) -> dict[str, Verdict]:
    """For each measure whether it is above a bound (or at least at a whole one)."""

    def is_dropped(one: Any) -> bool:
        result = one.filter(Document(text=text, id=""))
        return not (result[0] if isinstance(result, tuple) else result)

    def quality(name: str, *, is_minimum: bool) -> Verdict:
        return lambda bound: (
            is_dropped(GopherQualityFilter(**{**NO_QUALITY, name: bound})) != (is_minimum)
        )

    def repetition(**bounds: Any) -> bool:
        return is_dropped(GopherRepetitionFilter(**{**NO_REPETITION, **bounds}))

    def fineweb(**bounds: float) -> bool:
        return is_dropped(FineWebQualityFilter(**{**NO_FINEWEB, **bounds}))

    def c4(minimum: float, *, needs_end: bool) -> bool:
        return not is_dropped(
            C4QualityFilter(
                filter_no_terminal_punct=needs_end,
                min_num_sentences=int(minimum),
                filter_lorem_ipsum=False,
                filter_curly_bracket=False,
            )
        )

    return {
        "words": quality("min_doc_words", is_minimum=True),
        "mean_word_chars": quality("min_avg_word_length", is_minimum=True),
        "alphabetic_ratio": quality("max_non_alpha_words_ratio", is_minimum=True),
        "symbol_ratio": quality("max_symbol_word_ratio", is_minimum=False),
        "stop_words": quality("min_stop_words", is_minimum=True),
        "bullet_line_ratio": quality("max_bullet_lines_ratio", is_minimum=False),
        "ellipsis_line_ratio": quality("max_ellipsis_lines_ratio", is_minimum=False),
        "short_line_ratio": lambda bound: fineweb(short_line_thr=bound),
        "terminal_punctuation_ratio": lambda bound: not fineweb(line_punct_thr=bound),
        "newlines_per_token": lambda bound: fineweb(new_line_ratio=bound),
        "duplicate_line_ratio": lambda bound: repetition(dup_line_frac=bound),
        "duplicate_line_char_ratio": lambda bound: repetition(dup_line_char_frac=bound),
        "duplicate_visible_char_ratio": lambda bound: fineweb(char_duplicates_ratio=bound),
        "duplicate_paragraph_ratio": lambda bound: repetition(dup_para_frac=bound),
        "duplicate_paragraph_char_ratio": lambda bound: repetition(dup_para_char_frac=bound),
        **{
            f"top_{n}gram_char_ratio": lambda bound, n=n: repetition(top_n_grams=((n, bound),))
            for n in (2, 3, 4)
        },
        **{
            f"repeated_{n}gram_char_ratio": lambda bound, n=n: repetition(dup_n_grams=((n, bound),))
            for n in range(5, 11)
        },
        "sentences": lambda bound: c4(bound, needs_end=False),
        "terminated_sentences": lambda bound: c4(bound, needs_end=True),
    }


WHOLE = frozenset({"words", "stop_words", "sentences", "terminated_sentences"})

NO_QUALITY = dict.fromkeys(
    (
        "min_doc_words", "max_doc_words", "min_avg_word_length", "max_avg_word_length",
        "max_symbol_word_ratio", "max_bullet_lines_ratio", "max_ellipsis_lines_ratio",
        "max_non_alpha_words_ratio", "min_stop_words",
    )
)  # fmt: skip
NO_REPETITION: dict[str, Any] = {
    "dup_line_frac": None,
    "dup_para_frac": None,
    "dup_line_char_frac": None,
    "dup_para_char_frac": None,
    "top_n_grams": (),
    "dup_n_grams": (),
}
NO_FINEWEB = {
    "line_punct_thr": 0.0,
    "short_line_thr": 2.0,
    "char_duplicates_ratio": 2.0,
    "new_line_ratio": 1e9,
}


def turning_point(is_above: Verdict, *, is_whole: bool) -> float:
    """The largest bound that a measure still is above (or at, for whole numbers)."""
    if is_whole:
        bound = 0
        step = 1 << 20
        while step:
            if is_above(bound + step):
                bound += step
            step //= 2
        return bound
    low, high = 0.0, HIGHEST
    if not is_above(SMALLEST):
        return 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_above(middle) else (low, middle)
    return high


def is_near(is_above: Verdict, value: float, *, is_whole: bool) -> bool:
    """Whether a measure lies within TOLERANCE_RATIO of ``value``; of 0 nothing else is near."""
    if is_whole:
        step = math.floor(value * TOLERANCE_RATIO)
        return is_above(value - step) and not is_above(value + step + 1)
    if value == 0:
        return not is_above(SMALLEST)
    below, above = value * (1 - TOLERANCE_RATIO), value * (1 + TOLERANCE_RATIO)
    return is_above(below) and not is_above(above + SMALLEST)


if __name__ == "__main__":
    main()
