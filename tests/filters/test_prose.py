from typing import Any

import pytest

from filters.prose import MIN_JUDGED_WORDS, ProseAnnotator, ProseConfig
from filters.rule import Rule, decide
from pipeline.records.document import DOCUMENT_SCHEMA
from tests.support.document_rows import SOURCE_FILE, documents_of

GOPHER_AND_FINEWEB = {
    "words": (50, 100_000),
    "mean_word_chars": (3, 10),
    "alphabetic_ratio": (0.8, None),
    "symbol_ratio": (None, 0.1),
    "stop_words": (2, None),
    "bullet_line_ratio": (None, 0.9),
    "ellipsis_line_ratio": (None, 0.3),
    "short_line_ratio": (None, 0.67),
    "terminal_punctuation_ratio": (0.12, None),
    "newlines_per_token": (None, 0.3),
    "duplicate_line_ratio": (None, 0.3),
    "duplicate_line_char_ratio": (None, 0.2),
    "duplicate_visible_char_ratio": (None, 0.1),
    "duplicate_paragraph_ratio": (None, 0.3),
    "duplicate_paragraph_char_ratio": (None, 0.2),
    "top_2gram_char_ratio": (None, 0.2),
    "top_3gram_char_ratio": (None, 0.18),
    "top_4gram_char_ratio": (None, 0.16),
    "repeated_5gram_char_ratio": (None, 0.15),
    "repeated_6gram_char_ratio": (None, 0.14),
    "repeated_7gram_char_ratio": (None, 0.13),
    "repeated_8gram_char_ratio": (None, 0.12),
    "repeated_9gram_char_ratio": (None, 0.11),
    "repeated_10gram_char_ratio": (None, 0.1),
}
"""The published bounds, in which content-blind filters reject much mathematics and code."""


def measure(text: str, **settings: Any) -> dict[str, Any]:
    annotator = ProseAnnotator(ProseConfig(**settings))
    return annotator.annotate(documents_of(text)).to_pylist()[0]


def broken_rules(text: str) -> list[str]:
    documents = documents_of(text)
    measures = ProseAnnotator(ProseConfig()).annotate(documents)
    for name in ("id", "source"):
        measures = measures.append_column(DOCUMENT_SCHEMA.field(name), documents.column(name))
    rules = [
        Rule(column=column, min=low, max=high, when_null="keep")
        for column, (low, high) in GOPHER_AND_FINEWEB.items()
    ]
    return [broken["rule"] for broken in decide(measures, rules).broken_rules[0].as_py()]


@pytest.mark.parametrize(
    ("text", "measures"),
    [
        ("One two three.", {"words": 3, "mean_word_chars": 11 / 3}),
        ("a 1 2 3b", {"alphabetic_ratio": 2 / 4, "digit_ratio": 3 / 5}),
        ("ab, cd.", {"alphabetic_ratio": 2 / 4}),
        ("a # b # c ... d", {"symbol_ratio": 2 / 7}),
        ("# Title\n\n## Part\n\nC# code", {"symbol_ratio": 1 / 8}),  # headings do not count
        ("The THE the of", {"stop_words": 2}),
        ("- a\n* b\n\u2022 c\n-d\n1. e", {"bullet_line_ratio": 3 / 5}),
        ("a...\nb\u2026\nc.", {"ellipsis_line_ratio": 2 / 3}),
        (f"{'x' * 30}\n{'x' * 31}", {"short_line_ratio": 1 / 2}),
        ('a.\nb!\nc?"\nd)\n\ng\u3002', {"terminal_punctuation_ratio": 3 / 5}),
        ("a b\nc d\n\ne f", {"newlines_per_token": 3 / 6}),
        (
            "ab\nab\n---\n---\ncd",
            {
                "duplicate_line_ratio": 2 / 5,
                "duplicate_line_char_ratio": 5 / 16,
                "duplicate_visible_char_ratio": 5 / 12,
            },
        ),
        (
            "ab\ncd\n\nab\ncd\n\n\nab",
            {"duplicate_paragraph_ratio": 1 / 3, "duplicate_paragraph_char_ratio": 5 / 17},
        ),
        ("to be or not and to be or not", {"top_2gram_char_ratio": 10 / 29}),
        (
            "one two three four five. one two three four five",
            {"repeated_5gram_char_ratio": 19 / 48, "repeated_6gram_char_ratio": 0},
        ),
        (
            "It is one. Is it two? No\nTwo words\nEnable JavaScript in here.\nOur privacy policy.",
            {"sentences": 3, "terminated_sentences": 0, "javascript_lines": 1, "policy_lines": 1},
        ),
        (
            "lorem ipsum dolor sit.\nif x { y is here",
            {"lorem_ipsum_lines": 1, "curly_bracket_lines": 1, "terminated_sentences": 1},
        ),
    ],
)
def test_measures(text: str, measures: dict[str, float]) -> None:
    measured = measure(text)
    assert {name: measured[name] for name in measures} == pytest.approx(measures)


def test_stop_words_are_those_of_the_recipe() -> None:
    text = "Der Hund und die Katze"
    assert measure(text)["stop_words"] == 0
    assert measure(text, stop_words=["der", "die", "und"])["stop_words"] == 2


@pytest.mark.parametrize("text", ["", " \n\t", "!!! --- ???\n***", "\0\x01"])
def test_a_text_without_words_has_zero_words_and_no_other_measure(text: str) -> None:
    measured = measure(text)
    assert measured.pop("words") == 0
    assert set(measured.values()) == {None}
    assert broken_rules(text) == ["words.too_low"]


def test_a_source_file_is_not_judged() -> None:
    measures = ProseAnnotator(ProseConfig()).annotate(
        documents_of("# the comment of a file\nprint('hello')\n", code=SOURCE_FILE)
    )
    assert set(measures.to_pylist()[0].values()) == {None}


def test_little_prose_around_much_code_is_not_judged() -> None:
    code = "```python\n" + "x = compute(x)\n" * 100 + "```\n"
    few, enough = "word " * (MIN_JUDGED_WORDS - 1), "word " * MIN_JUDGED_WORDS
    assert measure(f"{few}\n{code}")["words"] is None
    assert measure(f"{enough}\n{code}")["words"] == MIN_JUDGED_WORDS


def test_little_prose_around_little_code_is_judged() -> None:
    assert measure("Some words here stand before `x`.")["words"] == 5


def test_unspaced_scripts_have_no_mean_word_length_and_no_stop_words() -> None:
    measured = measure("\u6570\u5b66\u662f\u7814\u7a76\u6570\u91cf\u7684\u5b66\u79d1\u3002" * 20)
    assert measured["words"] == 100
    assert measured["mean_word_chars"] is None
    assert measured["stop_words"] is None
    assert measured["terminal_punctuation_ratio"] == 1


EXERCISES = "\n\n".join(
    ["# Exercises to be solved with the methods of the last chapter"]
    + [
        f"Find the derivative of $f(x) = x^{{{n}}} + {n}x$ at the point ${n}$."
        for n in range(2, 14)
    ]
)

PROOF = r"""We prove that the sum of the first $n$ odd numbers is a square, and no other start
works.

Let $S_n = \sum_{k=1}^{n} (2k - 1)$. Then

$$
S_n = 2 \sum_{k=1}^{n} k - n = n(n+1) - n
$$

so that

$$
S_n = n^2 .
$$

Hence

$$
S_{n+1} - S_n = 2n + 1
$$

which is the next odd number. By induction the claim holds for all $n \geq 1$. $\blacksquare$
It remains to be shown that the start matters: with $a_1 = 3$ the sums are $n(n+2)$, and we have
$n^2 < n(n+2) < (n+1)^2$, so that none of them is a square.
"""

TUTORIAL = """# Reading a file line by line

To read a text file, open it with a context manager, and the file is closed for you:

```python
with open("data.txt") as lines:
    for line in lines:
        print(line)
        print(line)
        print(line)
```

Output:

```
1
1
1
```

To number the lines, wrap the file in `enumerate`, which starts at the number that you give it:

```python
for number, line in enumerate(lines, start=1):
    print(number, line)
```

Output:

```
1 1
2 1
3 1
```

That is all there is to it, and it works with files of any size, because they are never in memory.
"""

API_TABLE = """## Parameters of the function

The function takes these parameters, all of which have a default that is right for most of the uses:

| name | type | default |
|------|------|---------|
| `a`  | int  | 1 |
| `b`  | int  | 1 |
| `c`  | int  | 1 |
| `d`  | int  | 1 |

Each of them can be set by keyword only. With `a` and `b` alone the result is the same as that of
the older function, so that code written for it can be moved without a change of behaviour.
"""


@pytest.mark.parametrize(
    "text", [EXERCISES, PROOF, TUTORIAL, API_TABLE], ids=["exercises", "proof", "tutorial", "api"]
)
def test_mathematics_and_code_are_not_punished_by_prose_rules(text: str) -> None:
    assert broken_rules(text) == []


@pytest.mark.parametrize("strip", ["$", "```"])
def test_the_same_pages_without_markup_are_punished(strip: str) -> None:
    text = {"$": EXERCISES, "```": TUTORIAL}[strip]
    assert broken_rules(text.replace(strip, "").replace("\n\n", "\n") * 2) != []


BOILERPLATE = "Home\nAbout\nContact\nLogin\nSign up\n" * 12


def test_navigation_is_rejected_for_what_it_is() -> None:
    assert broken_rules(BOILERPLATE) == [
        "stop_words.too_low",
        "short_line_ratio.too_high",
        "terminal_punctuation_ratio.too_low",
        "newlines_per_token.too_high",
        "duplicate_line_ratio.too_high",
        "duplicate_line_char_ratio.too_high",
        "duplicate_visible_char_ratio.too_high",
        *(f"top_{n}gram_char_ratio.too_high" for n in (2, 3, 4)),
        *(f"repeated_{n}gram_char_ratio.too_high" for n in range(5, 11)),
    ]


def test_a_block_after_a_line_ends_its_sentence_and_tells_it_apart() -> None:
    measured = measure("we have\n\n$$\na\n$$\n\nwe have\n\n$$\nb\n$$\n\nand so on it goes")
    assert measured["terminal_punctuation_ratio"] == pytest.approx(2 / 3)
    assert measured["duplicate_line_ratio"] == 0
