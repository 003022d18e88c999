"""Every strategy from end to end: what it asks, what becomes of good, sloppy and bad answers."""

import re
from string import Template

import pytest

from synth.item import Item
from synth.plain_text import chat_token
from synth.request import Completion, RequestFailure, Sampling
from synth.sample import Asking, converse
from synth.strategies.catalogue import all_strategies, strategy_named
from synth.strategies.strategy import Step

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


def item():
    return Item(
        id="i",
        seed_id="s",
        document=DOCUMENT,
        problem="What is 2 + 2?",
        answer="4",
        reference="Four, of course.",
    )


def answer(text, reason="stop"):
    return Completion(
        text=text, finish_reason=reason, prompt_tokens=1, completion_tokens=2, model="m"
    )


def run(name, answers, number=0):
    """The requests that were made, and the sample."""
    sampling = Sampling(temperature=0.5, top_p=1.0, max_tokens=9)
    asking = Asking(model="m", sampling=sampling, seed=0, samples=1)
    conversation = converse(item(), number, strategy_named(name), asking)
    requests = [next(conversation)]
    for one in answers:
        try:
            requests.append(conversation.send(one))
        except StopIteration as finished:
            return requests, finished.value
    raise AssertionError(f"{name} wants more answers than {len(answers)}")


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
