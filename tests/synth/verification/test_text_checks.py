"""Measures of generated texts: what they must see, and what they must leave alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.verification.language_mixing import languages_of
from synth.verification.text_checks import (
    compression_ratio,
    is_unfinished,
    loop_chars,
    measure_text,
)

PROSE = (
    "The derivative of a product is found by a rule that Leibniz wrote down in 1684. Take two "
    "functions that both have a derivative at a point, and look at the change of their product. "
    "One part of it comes from the first function, another from the second, and what is left is "
    "so small that it vanishes in the limit. In practice one rarely needs the definition again."
)
SPANISH = (
    "La derivada de un producto se obtiene con una regla que Leibniz escribi\u00f3 en el siglo "
    "diecisiete. Se toman dos funciones derivables en un punto y se estudia el cambio de su "
    "producto, que tiene dos partes importantes y una tercera que desaparece en el l\u00edmite."
)
CHINESE = "\u6211\u4eec\u5148\u8ba1\u7b97\u5bfc\u6570\u7136\u540e\u4ee3\u5165\u6570\u503c\u3002"
TABLE = "| n | square |\n| --- | --- |\n" + "".join(f"| {n} | {n * n} |\n" for n in range(60))
MATRIX = "The matrix is\n\n$$" + " \\\\ ".join(["0 & 1 & 0 & 1 & 0 & 0"] * 12) + "$$\n\nas claimed."
CODE = "```python\n" + "".join(f"assert f({n}) == {n}\n" for n in range(40)) + "```\n\nIt holds."
STEPS = "".join(f"Step {n}: we get $x_{n} = {n}^2 = {n * n}$.\n" for n in range(1, 15))


def test_a_copy_is_seen_and_a_new_text_is_none() -> None:
    copied = measure_text(PROSE, source=f"Before. {PROSE} After.", prompt=None)
    assert copied.copy_ratio == 1.0
    assert copied.longest_copied_words == len(PROSE.replace(".", "").split())
    fresh = measure_text(
        PROSE, source="Nothing of this is in the source, which is short.", prompt=None
    )
    assert (fresh.copy_ratio, fresh.longest_copied_words) == (0.0, 0)
    half = measure_text(f"{PROSE} {SPANISH}", source=PROSE, prompt=None)
    assert half.copy_ratio == pytest.approx(0.5, abs=0.15)


def test_characters_of_chinese_are_words() -> None:
    source = CHINESE * 3
    assert measure_text(CHINESE, source=source, prompt=None).copy_ratio == 1.0
    assert measure_text(CHINESE[:6], source=source, prompt=None).copy_ratio == 0.0


def test_what_compares_is_null_without_something_to_compare_with() -> None:
    measures = measure_text(PROSE, source=None, prompt=None)
    assert measures.copy_ratio is None
    assert measures.longest_copied_words is None
    assert measures.grounded_ratio is None
    assert measures.checkable is None
    assert measures.prompt_echo_ratio is None


def test_particulars_are_looked_up_in_the_source() -> None:
    source = (
        "In 1684 the journal Acta Eruditorum sold 1000 copies, 25% of them abroad; twelve burnt."
    )
    known = "Of the 1,000 copies of Acta Eruditorum in 1684, 0.25 went abroad and 12 burnt."
    invented = "Of 7,300 copies in 1771, the printer Johann Messerschmidt burnt 18.5 percent."
    assert measure_text(known, source=source, prompt=None).grounded_ratio == 1.0
    assert measure_text(invented, source=source, prompt=None).grounded_ratio == 0.0
    nothing = measure_text("All of it is plain.", source=source, prompt=None)
    assert (nothing.grounded_ratio, nothing.checkable) == (None, 0)


@pytest.mark.parametrize("text", [PROSE, TABLE, MATRIX, CODE, STEPS], ids=str.split)
def test_what_is_regular_is_not_repeated(text: str) -> None:
    measures = measure_text(text, source=None, prompt=None)
    assert measures.repetition_ratio < 0.1
    assert measures.loop_chars <= 200


def test_repeated_paragraphs_and_loops_are_seen() -> None:
    twice = measure_text(f"{PROSE}\n\n{PROSE}", source=None, prompt=None)
    assert twice.repetition_ratio == pytest.approx(0.5, abs=0.05)
    looped = f"{PROSE} Wait" + ", let me check that again. Wait" * 20
    assert loop_chars(looped) > 500
    assert loop_chars(PROSE + " the" * 100) > 350
    assert (loop_chars(PROSE), loop_chars("-" * 200), loop_chars("")) == (0, 0, 0)


def test_compression_needs_some_text() -> None:
    assert compression_ratio("short") is None
    assert (compression_ratio(PROSE) or 0) > 0.4
    assert (compression_ratio(PROSE[:60] * 50) or 1) < 0.05


def test_a_slip_into_another_script_is_seen() -> None:
    def ratio(text: str, source: str | None = None) -> float:
        return measure_text(text, source=source, prompt=None).foreign_script_ratio

    assert ratio(f"{PROSE} {CHINESE}") > 0.02
    assert ratio(f"{PROSE} {CHINESE}", source=CHINESE) == 0.0
    assert ratio(f"{CHINESE * 3} Leibniz and Newton") == 0.0
    assert ratio(f"{PROSE} The angles \u03b1 and \u03b2 are equal: `{CHINESE}`, ${CHINESE}$") == 0.0


def test_a_switch_of_language_is_seen_on_long_prose_only() -> None:
    assert languages_of(SPANISH, PROSE) == ("es", True)
    assert languages_of(PROSE, PROSE) == ("en", False)
    assert languages_of(f"{PROSE * 3}\n\n{SPANISH * 3}", None) == ("en", True)
    assert languages_of("Hola a todos.", PROSE) == (None, None)
    assert languages_of(f"```\n{SPANISH}\n```\n{PROSE}", PROSE) == ("en", False)


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I have no opinion.",
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but this is beyond me.",
        "I cannot assist with this request.",
        "\u4f5c\u4e3a\u4e00\u4e2a\u4eba\u5de5\u667a\u80fd\uff0c\u6211\u65e0\u6cd5\u56de\u7b54\u3002",
    ],
)
def test_refusals(text: str) -> None:
    assert measure_text(text, source=None, prompt=None).num_refusals == 1


@pytest.mark.parametrize(
    "text",
    [
        "Certainly! Here is the proof.",
        "Here is the revised version of it.",
        "I hope this helps.",
        "According to the passage, water boils.",
        "The provided text is about limits.",
        "The document states that it is so.",
        "User: what is a limit?",
    ],
)
def test_meta_phrases(text: str) -> None:
    assert measure_text(text, source=None, prompt=None).num_meta_phrases == 1


@pytest.mark.parametrize(
    "text",
    [
        "The text of the file is parsed, and each document has a context of its own.",
        "I am sorry to hear of the storm. I cannot see the coast from here.",
        "We can help with the proof; the user enters a number.",
    ],
)
def test_plain_speech_is_no_leftover(text: str) -> None:
    measures = measure_text(text, source=None, prompt=None)
    assert (measures.num_refusals, measures.num_meta_phrases) == (0, 0)


def test_an_echo_of_the_prompt_is_seen() -> None:
    prompt = "Rewrite the document as a section of a textbook and keep every fact of it as it is."
    assert (
        measure_text(f"{prompt} {PROSE}", source=None, prompt=prompt).prompt_echo_ratio or 0
    ) > 0.1
    assert measure_text(PROSE, source=None, prompt=prompt).prompt_echo_ratio == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "So we have to consider that the first of the two",
        "After some thought we find the value of x, which is,",
        "Here is the code:\n\n```python\nx = 1",
        "We have $$x = 1",
        "\\begin{align} x &= 1",
    ],
)
def test_unfinished_ends(text: str) -> None:
    assert is_unfinished(text)


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "**Answer:** 42",
        "The answer that we were looking for is then simply $x = 5$",
        "```python\nx = 1\n```",
        "| a | b | c | d | e | f | g | h |",
        "More on this is found at the address of the project: https://example.org/a/b",
        "\u06cc\u06c1 \u0627\u06cc\u06a9 \u0645\u062b\u0627\u0644 \u06c1\u06d2" * 3 + "\u06d4",
        "",
    ],
)
def test_finished_ends(text: str) -> None:
    assert not is_unfinished(text)


@given(st.text(max_size=400), st.text(max_size=200) | st.none())
def test_ratios_are_shares_whatever_the_text(text: str, source: str | None) -> None:
    measures = measure_text(text, source=source, prompt=source)
    for value in (
        measures.copy_ratio,
        measures.grounded_ratio,
        measures.repetition_ratio,
        measures.foreign_script_ratio,
        measures.prompt_echo_ratio,
    ):
        assert value is None or 0 <= value <= 1
    assert 0 <= measures.loop_chars <= len(text)
