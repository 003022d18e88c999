import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.taggers.rubric import (
    EXCERPT_BEGINNING_CHARS,
    EXCERPT_CHARS,
    EXCERPT_END_CHARS,
    LEFT_OUT,
    AnswerFault,
    answer_schema,
    excerpt_of,
    load_rubric,
    prompt,
    read_answer,
)
from filters.taggers.taxonomy import FORMATS, TOPICS
from pipeline.errors import ConfigError

RUBRIC = load_rubric()

SMALL = """
version: 3
instructions: Judge.
heads:
  depth:
    kind: ordinal
    question: How deep?
    not_applicable: 0
    levels: {1: Flat., 2: Deep.}
  colour:
    kind: nominal
    question: Which?
    classes: {red: Red., blue: Blue.}
"""


def written(tmp_path, text):
    path = tmp_path / "rubric.yaml"
    path.write_text(text)
    return str(path)


@pytest.fixture
def small(tmp_path):
    return load_rubric(written(tmp_path, SMALL))


def test_the_shipped_rubric_has_the_taxonomies_in_their_order():
    assert RUBRIC.by_name["topic"].values == TOPICS
    assert RUBRIC.by_name["format"].values == FORMATS


def test_not_applicable_comes_before_the_levels():
    head = RUBRIC.by_name["technical_correctness"]
    assert head.values == (0, 1, 2, 3, 4, 5)
    assert head.not_applicable == 0
    assert len(head.meanings) == len(head.values)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{1: Flat., 2: Deep.}", "{1: Flat., 3: Deep.}", r"depth\.levels: \[1, 3\] has a gap"),
        ("{1: Flat., 2: Deep.}", "{1: Flat., 1: Deep.}", "1 stands twice"),
        ("{1: Flat., 2: Deep.}", "{one: Flat., 2: Deep.}", "valid integer"),
        ("not_applicable: 0", "not_applicable: 2", "not_applicable: 2 must be below"),
        ("question: Which?", "questions: Which?", "questions"),
        ("kind: nominal", "kind: cardinal", "colour"),
        ("version: 3", "version: three", "version"),
        ("instructions: Judge.", "", "instructions"),
        ("{red: Red., blue: Blue.}", "{red: Red.}", "classes"),
        ("version: 3", "version: [", "not valid YAML"),
    ],
)
def test_a_faulty_rubric_is_refused(tmp_path, old, new, message):
    with pytest.raises(ConfigError, match=message):
        load_rubric(written(tmp_path, SMALL.replace(old, new)))


def test_a_missing_rubric_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the rubric"):
        load_rubric(str(tmp_path / "none.yaml"))


def test_a_text_up_to_the_limit_is_shown_whole():
    text = "x" * EXCERPT_CHARS
    assert excerpt_of(text) == text


def test_a_longer_text_is_shown_at_three_places():
    text = "".join(chr(0x4E00 + place % 20_000) for place in range(10_000))
    beginning, middle, end = excerpt_of(text).split(LEFT_OUT)
    assert text.startswith(beginning)
    assert len(beginning) == EXCERPT_BEGINNING_CHARS
    assert text.find(middle) == (10_000 - len(middle)) // 2
    assert text.endswith(end)
    assert len(end) == EXCERPT_END_CHARS


@given(st.text(st.characters(), max_size=4000))
def test_an_excerpt_is_short_and_can_be_sent(text):
    excerpt = excerpt_of(text)
    assert len(excerpt) <= EXCERPT_CHARS + 2 * len(LEFT_OUT)
    excerpt.encode()


def test_the_prompt_names_every_value_and_ends_in_the_excerpt(small):
    asked = prompt(small, "the text")
    for head in small.heads:
        for value, meaning in zip(head.values, head.meanings, strict=True):
            assert f"  {value}: {meaning}\n" in asked.system
    assert "the text" in asked.user
    assert prompt(small, "another").system == asked.system


def test_the_schema_allows_the_values_and_nothing_else(small):
    assert answer_schema(small) == {
        "type": "object",
        "properties": {
            "depth": {"type": "integer", "enum": [0, 1, 2]},
            "colour": {"type": "string", "enum": ["red", "blue"]},
        },
        "required": ["depth", "colour"],
        "additionalProperties": False,
    }


@given(st.data())
def test_every_answer_on_the_scales_is_read_back(data):
    labels = {head.name: data.draw(st.sampled_from(head.values)) for head in RUBRIC.heads}
    shuffled = data.draw(st.permutations(list(labels.items())))
    assert read_answer(RUBRIC, json.dumps(dict(shuffled))) == labels


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "```json\n{}\n```",
        "<think>\nIs it {red}? No.\n</think>\n\n{}",
        "Here it is: {} I hope that helps.",
    ],
)
def test_what_stands_around_the_object_is_passed_over(small, around):
    answer = around.replace("{}", '{"depth": 1, "colour": "red"}')
    assert read_answer(small, answer) == {"depth": 1, "colour": "red"}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("", "no JSON object"),
        ("I cannot judge this.", "no JSON object"),
        ("}{", "no JSON object"),
        ('{"depth": 1, "colour": "red"', "no JSON object"),
        ('{"depth": 1 "colour": "red"}', "no valid JSON"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "no valid JSON"),
        ('{"depth": 1}', "'colour' is missing"),
        ('{"depth": 1, "colour": "red", "size": 2}', "'size' is no head"),
        ('{"depth": 1, "depth": 2, "colour": "red"}', "'depth' stands twice"),
        ('{"depth": 3, "colour": "red"}', "'depth' is 3, allowed is one of"),
        ('{"depth": true, "colour": "red"}', "'depth' is true"),
        ('{"depth": 1.0, "colour": "red"}', "'depth' is 1.0"),
        ('{"depth": "1", "colour": "red"}', "'depth' is \"1\""),
        ('{"depth": 1, "colour": "Red"}', "'colour' is \"Red\""),
        ('{"depth": [1], "colour": null}', "'depth' is [1]"),
    ],
)
def test_an_answer_off_the_scales_is_a_fault(small, answer, message):
    fault = read_answer(small, answer)
    assert isinstance(fault, AnswerFault)
    assert message in fault.message


@given(st.text())
def test_any_text_gives_labels_or_a_fault(text):
    assert isinstance(read_answer(RUBRIC, text), AnswerFault)
