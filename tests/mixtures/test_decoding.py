from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.normalizers import NFC

from mixtures.decoding import TokenBytes, compose, find_decoded, find_exact, token_bytes
from mixtures.encoding import Encoded
from mixtures.tokenization import Tokenizer
from tests.mixtures.texts import NAMES, QWEN, byte_level, nasty_text, words


@pytest.fixture(scope="module")
def qwen() -> Tokenizer:
    return Tokenizer.load("qwen2.5", **QWEN)


@pytest.fixture(scope="module")
def table(qwen: Tokenizer) -> TokenBytes:
    found = qwen._token_bytes
    assert found is not None
    return found


def test_the_table_spells_every_token(table: TokenBytes) -> None:
    assert (
        table.decode(np.array([750, 282, 2075, 982, 262, 470, 856])) == b"def f(x):\n    return x"
    )
    assert table.decode(np.array([108386])) == "\u4f60\u597d".encode()
    assert table.decode(np.arange(0)) == b""
    assert len(table.offsets) == 151_643 + 1


@given(st.lists(nasty_text, max_size=5), st.integers(0, 5))
def test_encoded_texts_are_exact_in_any_slice(
    qwen: Tokenizer, table: TokenBytes, texts: list[str], start: int
) -> None:
    for kind in (pa.string(), pa.large_string()):
        array = pa.array(texts, kind).slice(min(start, len(texts)))
        encoded = qwen.encode_flat(array.to_pylist())
        assert find_exact(array, encoded, table).tolist() == [True] * len(array)


@settings(max_examples=300)
@given(nasty_text.filter(bool), st.data())
def test_a_changed_or_missing_token_is_found_as_by_decoding(
    qwen: Tokenizer, table: TokenBytes, text: str, data: st.DataObject
) -> None:
    [tokens] = qwen.encode([text])
    position = data.draw(st.integers(0, len(tokens) - 1))
    other = data.draw(st.none() | st.integers(0, 151_642))
    changed = tokens.copy()
    if other is None:
        changed = np.delete(changed, position)
    else:
        changed[position] = other
    encoded = Encoded(changed, np.array([0, len(changed)]))
    array = pa.array([text], pa.large_string())
    found = find_exact(array, encoded, table)
    assert found.tolist() == find_decoded(array, encoded, qwen._decoder).tolist()
    assert found[0] == (table.decode(changed) == table.decode(tokens))


@pytest.mark.parametrize("token", [-1, 151_643, 2**31 - 1])
def test_a_number_that_is_no_token_of_text_is_not_exact(table: TokenBytes, token: int) -> None:
    encoded = Encoded(np.array([token], np.int32), np.array([0, 1]))
    assert find_exact(pa.array([""]), encoded, table).tolist() == [False]


@given(nasty_text)
def test_composing_line_by_line_is_composing(text: str) -> None:
    assert compose(text) == NFC().normalize_str(text)


def test_marks_of_a_later_unicode_beside_composed_ones_are_exact(qwen: Tokenizer) -> None:
    """U+0C3C composes since Unicode 14, which Python knows and `tokenizers` does not."""
    text = "e\u0301 \u05a9\u0c3c"
    array = pa.array([text], pa.large_string())
    assert qwen.find_exact(array, qwen.encode_flat([text])).tolist() == [True]


def test_a_vocabulary_with_a_decoder_of_its_own_has_no_table(tmp_path: Path) -> None:
    """Its words are of the right characters, but decoding puts spaces between them."""
    loaded = Tokenizer.load(str(words(tmp_path, {"<unk>": 0, "a": 1, "b": 2})), **NAMES)
    assert loaded._token_bytes is None
    array = pa.array(["a b", "a  b"])
    assert loaded.find_exact(array, loaded.encode_flat(array.to_pylist())).tolist() == [True, False]


def test_a_decoder_that_disagrees_with_the_table_is_found(tmp_path: Path) -> None:
    loaded = Tokenizer.load(str(byte_level(tmp_path)), **NAMES)
    vocabulary = loaded._decoder.get_vocab()
    assert token_bytes(vocabulary, loaded._decoder, []) is not None
    other = {**vocabulary, "a": vocabulary["b"], "b": vocabulary["a"]}
    assert token_bytes(other, loaded._decoder, []) is None
    assert token_bytes({}, loaded._decoder, []) is None


def test_text_that_is_lost_in_a_byte_level_vocabulary_is_found(tmp_path: Path) -> None:
    """A normalizer that changes more than NFC does loses text."""
    path = byte_level(tmp_path)
    path.write_text(
        path.read_text().replace('"normalizer": null', '"normalizer": {"type": "Lowercase"}')
    )
    loaded = Tokenizer.load(str(path), **NAMES)
    array = pa.array(["the cat", "The cat"])
    assert loaded.find_exact(array, loaded.encode_flat(array.to_pylist())).tolist() == [True, False]
