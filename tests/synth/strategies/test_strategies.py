"""Every strategy from end to end: what it asks, what becomes of good, sloppy and bad answers."""

import re
from string import Template

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.item import Item
from synth.plain_text import chat_token
from synth.request import Completion, RequestFailure, Sampling
from synth.sample import Asking, converse
from synth.strategies.catalogue import all_strategies, strategy_named
from synth.strategies.code import parse_answer
from synth.strategies.strategy import Step
from synth.verification.finding import Finding
from synth.verification.text_checks import measure_text

NAMES = [strategy.name for strategy in all_strategies()]
DOCUMENT = "Costs rise from $5 to ${10}.\n\nLet $$x$$ be a number; then $x^2 \\ge 0$ and 50% of it."
GIVEN = {"document", "problem", "answer", "reference", "tests", "variant"}

PARTS = {
    "think_aloud": ["<think>Why squares?</think>\nA square is a product of equal signs."],
    "hard_question": [
        "Question: Let $x$ be real. What is the least value of $x^2 + 4x + 9$ over all $x$?",
        "<think>Complete it.</think>\n$(x+2)^2 + 5$, so \\boxed{5}.",
    ],
    "mathematics": ["Add them. \\boxed{4}"],
    "code": [
        "Plan.\n```python\ndef f():\n    return 4\n```\n```python\ndef test_f():\n    pass\n```"
    ],
    "code_rewriting": ["```python\nprint(4)\n```"],
    "diverse_qa": ["Question: Why?\nAnswer: So.\nQuestion: How?\nAnswer: Thus."],
    "textbook": ["```markdown\n# Squares\n\nA square is never negative.\n```"],
    "mathematical_dialogue": ["Ann: Why?\nBob: Because the signs are equal."],
    "refined_answer": ["**Question:** What is 2+2?\n\n**Solution:** Count: \\boxed{4}"],
    "general": [
        "It is four.",
        '{"adherence": 5, "correctness": 5, "helpfulness": 4, "coherence": 5, "language": 5}',
    ],
    "creative_writing": [
        "An old clock, told by its owner.",
        "It had stopped at four.",
        "adherence: 5\noriginality: 4\ncraft: 4\ncoherence: 5\nlanguage: 5",
    ],
}


def item(document=DOCUMENT, problem="What is 2 + 2?"):
    return Item(
        id="i",
        seed_id="s",
        document=document,
        problem=problem,
        answer="4",
        reference="Four, of course.",
    )


def answer(text, reason="stop"):
    return Completion(
        text=text, finish_reason=reason, prompt_tokens=1, completion_tokens=2, model="m"
    )


def run(name, answers, number=0, asked=None):
    """The requests that were made, and the sample."""
    sampling = Sampling(temperature=0.5, top_p=1.0, max_tokens=9)
    asking = Asking(model="m", sampling=sampling, seed=0, samples=1)
    conversation = converse(asked or item(), number, strategy_named(name), asking)
    requests = [next(conversation)]
    for one in answers:
        try:
            requests.append(conversation.send(one))
        except StopIteration as finished:
            return requests, finished.value
    raise AssertionError(f"{name} wants more answers than {len(answers)}")


def check_text(sample, name):
    """What is measured of the text of a sample."""
    text = sample.fields[strategy_named(name).measured_field]
    return Finding(measures=vars(measure_text(text, source=DOCUMENT, prompt=None)))


def test_there_is_an_answer_here_for_each():
    assert sorted(PARTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_good_answers_become_a_document(name):
    requests, sample = run(name, [answer(part) for part in PARTS[name]])
    assert len(requests) == len(PARTS[name])
    assert sample.fault is None
    assert sample.text
    assert chat_token(sample.text) is None
    assert "<think>" not in sample.text
    assert "```" not in sample.text or name == "code"
    strategy = strategy_named(name)
    assert sample.fields[strategy.measured_field]
    assert sample.usage.completion_tokens == 2 * len(requests)


@pytest.mark.parametrize("name", NAMES)
def test_the_prompt_holds_what_it_is_about_word_for_word(name):
    requests, _ = run(name, [answer(part) for part in PARTS[name]])
    asked = requests[0].messages[-1].content
    assert (DOCUMENT if strategy_named(name).reads == "document" else "What is 2 + 2?") in asked
    assert "$document" not in asked
    assert "$problem" not in asked


@pytest.mark.parametrize("name", NAMES)
@given(text=st.text(st.characters(codec="utf-8")).map("$document $$ ${x} {y} $5 ".__add__))
def test_any_text_comes_into_the_prompt_as_it_is(name, text):
    asked = item(document=text, problem=text)
    requests, _ = run(name, [answer(part) for part in PARTS[name]], asked=asked)
    assert text.strip() in requests[0].messages[-1].content


@pytest.mark.parametrize("name", NAMES)
def test_reasoning_before_an_answer_changes_nothing_where_it_is_not_kept(name):
    _, good = run(name, [answer(part.rpartition("</think>")[2]) for part in PARTS[name]])
    reasoning = "Hm.\n```python\nx = 0\n```\nQuestion: none\nadherence: 1\n</think>\n\n"
    thought = [answer(reasoning + part.rpartition("</think>")[2]) for part in PARTS[name]]
    _, sample = run(name, thought)
    assert sample.fault is None
    kept = {"think_aloud", "hard_question", "mathematics", "code", "general"}
    assert ("x = 0" in sample.text) == (name in kept)
    assert name in kept or sample.text == good.text
    names = [field for field in good.fields if field.startswith("score_")]
    assert [sample.fields[field] for field in names] == [good.fields[field] for field in names]


@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_is_a_fault_or_a_text_that_is_measured(name):
    refusal = "I'm sorry, but I can't help with that."
    _, sample = run(name, [answer(refusal)] * len(PARTS[name]))
    if sample.fault is not None:
        assert sample.fault.reason in {"missing_part", "missing_code", "too_few_pairs"}
        return
    finding = check_text(sample, name)
    assert finding.value_of("num_refusals") > 0
    strategy = strategy_named(name)
    is_bound = any(bounds.is_broken_by(finding) for bounds in strategy.bounds)
    assert is_bound or strategy.verification is not None


@pytest.mark.parametrize("name", NAMES)
def test_templates_name_only_what_is_there(name):
    strategy = strategy_named(name)
    known = set(GIVEN)
    for step, part in zip(strategy.steps, PARTS[name], strict=True):
        named = {
            match["named"] or match["braced"]
            for match in Template.pattern.finditer(step.text)
            if match["named"] or match["braced"]
        }
        assert named <= known, f"{step.template} names {named - known}"
        assert not [m for m in Template.pattern.finditer(step.text) if m["invalid"] is not None]
        known |= set(step.parse(part))
    assert "variant" not in known - GIVEN
    assert strategy.version >= 1
    assert strategy.summary.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_a_refused_and_an_empty_answer_are_faults_that_say_so(name):
    first = PARTS[name][0]
    _, cut = run(name, [answer(first, "length")])
    assert (cut.fault.reason, cut.fault.detail) == ("truncated", "2")
    _, filtered = run(name, [answer(first, "content_filter")])
    assert (filtered.fault.reason, filtered.fault.detail) == ("unfinished", "content_filter")
    _, empty = run(name, [answer("<think>Hm</think>\n\n")])
    assert empty.fault is not None
    _, failed = run(name, [RequestFailure(error_type="HTTP 500", message="")])
    assert failed.failure is not None
    assert failed.text is None


@pytest.mark.parametrize("name", NAMES)
def test_a_chat_token_in_the_middle_is_never_text(name):
    parts = list(PARTS[name])
    spoiled = re.sub(r"(\w)(\W*)$", r"\1 <|im_start|>user x\2", parts[0])
    _, sample = run(name, [answer(spoiled), *map(answer, parts[1:])])
    assert sample.text is None or chat_token(sample.text) is None


def test_a_judge_that_cannot_be_read_leaves_the_scores_out():
    _, sample = run("general", [answer("It is four."), answer("Quite good!")])
    assert sample.fault is None
    assert not [name for name in sample.fields if name.startswith("score_")]
    assert sample.fields["completion"] == "It is four."


def test_a_question_that_points_at_its_text_is_refused():
    said = "Question: According to the passage, which of the two numbers that it names is larger?"
    _, sample = run("hard_question", [answer(said)])
    assert sample.fault.reason == "question_not_self_contained"


@pytest.mark.parametrize(
    "question",
    [
        "By Theorem 2.1, what is the least value of $x^2 + 4x + 9$ over all $x$?",
        "What is the largest number that is listed in the table, to three digits?",
        "\u6839\u636e\u6587\u4e2d\u7684\u5b9a\u4e49\uff0c" + "\u6c42\u6700\u5c0f\u503c" * 10,
    ],
)
def test_a_question_that_needs_its_page_is_refused(question):
    _, sample = run("hard_question", [answer(f"Question: {question}")])
    assert sample.fault.reason == "question_not_self_contained"


def test_a_table_of_wood_is_no_reference():
    said = "Question: A block slides off the table of height 2 m. How far from it does it land?"
    _, sample = run("hard_question", [answer(said), answer("\\boxed{5}")])
    assert sample.fault is None


def test_who_solves_the_question_does_not_see_its_answer():
    said = f"{PARTS['hard_question'][0]}\n\n**Answer:** the least value is 5\n"
    requests, sample = run("hard_question", [answer(said), answer("\\boxed{5}")])
    assert "the least value is 5" not in requests[1].messages[-1].content
    assert sample.fields["question"].endswith("over all $x$?")


def test_a_block_of_code_and_tests_is_taken_apart():
    said = (
        "```python\nimport math\n\ndef f():\n    return 4\n\n@mark\ndef test_f():\n"
        "    assert f() == 4\n\nclass TestF:\n    pass\n\nLIMIT = 1\n```"
    )
    fields = parse_answer(said)
    assert fields["code"] == "import math\n\ndef f():\n    return 4\n\n\n\nLIMIT = 1"
    assert fields["generated_tests"] == (
        "@mark\ndef test_f():\n    assert f() == 4\nclass TestF:\n    pass"
    )


@pytest.mark.parametrize("code", ["def f():\n    return 4", "def f(:"])
def test_code_without_tests_has_empty_ones(code):
    fields = parse_answer(f"```python\n{code}\n```")
    assert (fields["code"], fields["generated_tests"]) == (code, "")


def test_samples_of_an_item_take_different_variants():
    strategy = strategy_named("mathematical_dialogue")
    prompts = {
        run(strategy.name, map(answer, PARTS[strategy.name]), n)[0][0].messages[0].content
        for n in range(len(strategy.variants))
    }
    assert len(prompts) == len(strategy.variants)


def test_a_template_of_a_step_is_a_file():
    with pytest.raises(FileNotFoundError):
        _ = Step(template="no_such", parse=dict).text


@pytest.mark.parametrize("name", NAMES)
def test_an_item_of_which_little_is_known_can_be_asked_about(name):
    strategy = strategy_named(name)
    bare = Item(id="i", seed_id="s", **{strategy.reads: "What is 2 + 2?"})
    sampling = Sampling(temperature=0.5, top_p=1.0, max_tokens=9)
    asking = Asking(model="m", sampling=sampling, seed=0, samples=1)
    request = next(converse(bare, 0, strategy, asking))
    assert "What is 2 + 2?" in request.messages[-1].content
    assert "None" not in request.messages[-1].content
