from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from synth.engines.chatml import chatml_prompt
from synth.request import Message
from synth.solver.vocabulary import (
    SPECIAL_TOKENS,
    curriculum_texts,
    render_prompt,
    train_tokenizer,
    write_tokenizer,
)

SHIPPED = Path("synth/models/solver/tokenizer.json")


@pytest.fixture(scope="module")
def small():
    """Learned here, so that the test does not rest on the shipped file."""
    return train_tokenizer(curriculum_texts(300, seed=1), vocabulary_size=600)


@pytest.fixture(scope="module")
def shipped():
    return Tokenizer.from_file(str(SHIPPED))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_comes_back_in_normal_form_c(text):
    import unicodedata

    tokenizer = Tokenizer.from_file(str(SHIPPED))
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "text", ["2 + 2\n\n= 4\t", "Ωμέγα 数学 🙂 \u0000\x7f", " \\frac{1}{2}  ", ""]
)
def test_what_the_curriculum_has_not_is_written_in_bytes(small, shipped, text):
    for tokenizer in (small, shipped):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_every_byte_is_a_token(shipped, small):
    from tokenizers.pre_tokenizers import ByteLevel

    for tokenizer in (shipped, small):
        assert all(tokenizer.token_to_id(letter) is not None for letter in ByteLevel.alphabet())


@given(st.integers(0, 10**18))
def test_every_digit_is_a_token_of_its_own(number):
    encoding = Tokenizer.from_file(str(SHIPPED)).encode(f"x{number}+{number}")
    assert [t for t in encoding.tokens if any(map(str.isdigit, t))] == list(str(number) * 2)


def test_special_tokens_come_first(small, shipped):
    for tokenizer in (small, shipped):
        assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2]


def test_transformers_reads_the_folder_and_renders_the_same_prompt(small, tmp_path):
    write_tokenizer(small, tmp_path, max_tokens=64)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    message = {"role": "user", "content": "What is 12 + 30?"}
    prompt = theirs.apply_chat_template([message], tokenize=False, add_generation_prompt=True)
    assert prompt == render_prompt("What is 12 + 30?")
    assert prompt == chatml_prompt([Message("user", "What is 12 + 30?")])
    assert theirs(prompt)["input_ids"] == small.encode(prompt).ids
