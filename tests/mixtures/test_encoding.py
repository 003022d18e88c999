import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures import encoding
from mixtures.encoding import ChosenEncoder, FastEncoder, choose_encoder, hard_cases
from mixtures.tokenization import Tokenizer
from tests.mixtures.texts import NAMES, QWEN, byte_level, nasty_text, words


@pytest.fixture(scope="module")
def qwen() -> Tokenizer:
    return Tokenizer.load("qwen2.5", **QWEN)


def choose(tokenizer: Tokenizer, cases: list[str]) -> ChosenEncoder:
    truths = tokenizer.reference.encode(cases).split()
    return choose_encoder(tokenizer._json, tokenizer.reference, cases, truths)


def test_the_shipped_vocabulary_is_encoded_by_the_fast_encoder(qwen: Tokenizer) -> None:
    assert str(qwen.encoder).startswith("fastokens ")
    assert qwen.encoder.refusal is None


@settings(max_examples=300)
@given(st.lists(nasty_text, max_size=4))
def test_the_fast_encoder_gives_the_tokens_of_tokenizers(qwen: Tokenizer, texts: list[str]) -> None:
    fast, truth = qwen.encoder.encoder.encode(texts), qwen.reference.encode(texts)
    assert fast.offsets.tolist() == truth.offsets.tolist()
    assert fast.tokens.tolist() == truth.tokens.tolist()
    assert fast.tokens.dtype == truth.tokens.dtype == np.int32


def test_calls_divide_a_batch_and_not_its_tokens(
    qwen: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = hard_cases()[:300]
    encoder = qwen.encoder.encoder
    whole = encoder.encode(texts)
    monkeypatch.setattr(encoding, "_FAST_CALL_CHARS", 50)
    divided = encoder.encode(texts)
    assert divided.tokens.tolist() == whole.tokens.tolist()
    assert divided.offsets.tolist() == whole.offsets.tolist()


def test_no_text_and_empty_texts_have_no_tokens(qwen: Tokenizer) -> None:
    for encoder in (qwen.encoder.encoder, qwen.reference):
        assert encoder.encode([]).offsets.tolist() == [0]
        assert encoder.encode(["", "a", ""]).offsets.tolist() == [0, 0, 1, 1]


def test_threads_share_an_encoder(qwen: Tokenizer) -> None:
    texts = hard_cases() * 3
    encoder = qwen.encoder.encoder
    truth = encoder.encode(texts).tokens
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(encoder.encode, [texts] * 12):
            assert np.array_equal(found.tokens, truth)


def test_hard_cases_are_the_same_every_time_and_name_the_added_tokens() -> None:
    cases = hard_cases(["<end>"])
    assert cases == hard_cases(["<end>"])
    assert any("<end>" in case for case in cases)
    assert len(set(cases)) > 1_000


def test_a_vocabulary_that_the_fast_encoder_refuses_is_left_to_tokenizers(tmp_path: Path) -> None:
    loaded = Tokenizer.load(str(words(tmp_path, {"<unk>": 0, "a": 1})), **NAMES)
    assert loaded.encoder.encoder is loaded.reference
    assert loaded.encoder.refusal is not None
    assert "unsupported" in loaded.encoder.refusal
    assert str(loaded.encoder).startswith("tokenizers ")
    assert loaded.encoder.refusal in str(loaded.encoder)


def test_a_vocabulary_that_cannot_spell_the_hard_cases_serves_texts_that_it_can(
    tmp_path: Path,
) -> None:
    loaded = Tokenizer.load(str(words(tmp_path, {"a": 0, "b": 1})), **NAMES)
    assert [tokens.tolist() for tokens in loaded.encode(["a b", "b"])] == [[0, 1], [1]]
    assert loaded.encoder == ChosenEncoder(
        loaded.reference, "not compared: tokenizers fails on hard cases"
    )


def test_a_vocabulary_for_which_one_token_differs_is_left_to_tokenizers(qwen: Tokenizer) -> None:
    cases = ["same", "not the same"]
    truths = [tokens.copy() for tokens in qwen.reference.encode(cases).split()]
    truths[1][1] += 1
    chosen = choose_encoder(qwen._json, qwen.reference, cases, truths)
    assert chosen == ChosenEncoder(qwen.reference, "other tokens for 'not the same'")


def test_without_the_package_everything_is_left_to_tokenizers(
    qwen: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "fastokens", None)
    assert choose(qwen, ["a"]) == ChosenEncoder(qwen.reference, "not installed")


def test_any_byte_level_vocabulary_may_be_fast(tmp_path: Path) -> None:
    loaded = Tokenizer.load(str(byte_level(tmp_path)), **NAMES)
    assert isinstance(loaded.encoder.encoder, FastEncoder)


def test_chance_is_left_out_of_a_vocabulary(tmp_path: Path) -> None:
    plain = Tokenizer.load(str(byte_level(tmp_path)), **NAMES)
    drops = Tokenizer.load(str(byte_level(tmp_path, dropout=0.5)), **NAMES)
    assert json.loads(byte_level(tmp_path, dropout=0.5).read_text())["model"]["dropout"] == 0.5
    texts = ["the cat sat on the mat"] * 5
    truth = plain.encode(texts)[0].tolist()
    for encoder in (drops.encoder.encoder, drops.reference):
        assert [one.tolist() for one in encoder.encode(texts).split()] == [truth] * 5
