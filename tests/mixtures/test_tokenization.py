import dataclasses
import gzip
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures.encoding import ChosenEncoder, Encoded, ReferenceEncoder
from mixtures.tokenization import TOKENIZED_SCHEMA, Tokenizer, count_unknowns, tokenize
from pipeline.errors import ConfigError, InvariantError
from pipeline.records.document import document_id
from tests.mixtures.texts import NAMES, QWEN, nasty_text, words

EOD, PAD = 151643, 151662


@pytest.fixture(scope="module")
def qwen() -> Tokenizer:
    return Tokenizer.load("qwen2.5", **QWEN)


@pytest.fixture(scope="module")
def in_pieces(qwen: Tokenizer) -> ReferenceEncoder:
    return ReferenceEncoder(qwen._decoder, max_piece_chars=24)


def exact(tokenizer: Tokenizer, texts: list[str]) -> list[bool]:
    encoded = tokenizer.encode_flat(texts)
    return tokenizer.find_exact(pa.array(texts, pa.large_string()), encoded).tolist()


@given(nasty_text)
def test_text_comes_back_in_nfc_byte_for_byte(qwen: Tokenizer, text: str) -> None:
    [tokens] = qwen.encode([text])
    assert qwen.decode(tokens) == unicodedata.normalize("NFC", text)
    assert exact(qwen, [text]) == [True]


@given(nasty_text)
def test_names_of_added_tokens_are_ordinary_text(qwen: Tokenizer, text: str) -> None:
    [tokens] = qwen.encode([text + "<|endoftext|><tool_call>" + text])
    assert tokens.max() < 151_643


@settings(max_examples=300)
@given(nasty_text)
def test_pieces_give_the_tokens_of_the_whole(
    qwen: Tokenizer, in_pieces: ReferenceEncoder, text: str
) -> None:
    [whole], [pieces] = qwen.reference.encode([text]).split(), in_pieces.encode([text]).split()
    assert whole.tolist() == pieces.tolist()


def test_long_documents_are_encoded_in_pieces(qwen: Tokenizer, in_pieces: ReferenceEncoder) -> None:
    text = Path(json.__file__).read_text(encoding="utf-8")
    assert len(list(in_pieces.pieces(text))) > 300
    assert "".join(in_pieces.pieces(text)) == text
    assert in_pieces.encode([text]).tokens.tolist() == qwen.encode([text])[0].tolist()


def test_text_without_any_place_to_cut_stays_whole(in_pieces: ReferenceEncoder) -> None:
    assert list(in_pieces.pieces("\u4f60" * 100)) == ["\u4f60" * 100]
    late = "\u4f60" * 100 + "\nlast line"
    assert list(in_pieces.pieces(late)) == ["\u4f60" * 100 + "\n", "last line"]


def test_tokens_are_those_of_qwen(qwen: Tokenizer) -> None:
    """Ids of Qwen2.5's own tokenizer: digits one by one, spaces before words, CJK merges."""
    [tokens] = qwen.encode(["def f(x):\n    return x + 12  # \u4f60\u597d"])
    assert tokens.tolist() == [
        750, 282, 2075, 982, 262, 470, 856, 488, 220, 16, 17, 220, 671, 220, 108386
    ]  # fmt: skip


def test_decode_names_added_tokens(qwen: Tokenizer) -> None:
    tokens = np.array([64, EOD, EOD, 65, PAD], np.int32)
    assert qwen.decode(tokens) == "a<|endoftext|><|endoftext|>b<|fim_pad|>"
    assert qwen.decode(tokens[:0]) == ""


def batch_of(texts: list[str]) -> tuple[pa.Array, pa.Array]:
    ids = [document_id("s", str(number)) for number in range(len(texts))]
    return pa.array(ids, pa.string()), pa.array(texts, pa.large_string())


@given(st.lists(nasty_text, max_size=5), st.integers(0, 5))
def test_batch_boundaries_are_an_accident(qwen: Tokenizer, texts: list[str], split: int) -> None:
    ids, array = batch_of(texts)
    whole, _ = tokenize(ids, array, qwen, first_row=10)
    split = min(split, len(texts))
    parts = [
        tokenize(ids.slice(low, high), array.slice(low, high), qwen, first_row=10 + low)
        for low, high in ((0, split), (split, len(texts)))
    ]
    assert whole.schema == TOKENIZED_SCHEMA
    joined = pa.Table.from_batches([batch for batch, _ in parts])
    assert joined.to_pylist() == whole.to_pylist()


@given(st.lists(nasty_text, max_size=5))
def test_every_document_ends_in_exactly_one_eod(qwen: Tokenizer, texts: list[str]) -> None:
    batch, is_exact = tokenize(*batch_of(texts), qwen, first_row=0)
    for row, text in zip(batch.to_pylist(), texts, strict=True):
        assert row["tokens"].count(EOD) == 1
        assert row["tokens"][-1] == EOD
        assert row["num_tokens"] == len(row["tokens"])
        assert row["text_bytes"] == len(text.encode())
    assert is_exact.tolist() == [True] * len(texts)


def test_any_tokenizer_json_serves_and_its_truncation_does_not(tmp_path: Path) -> None:
    path = words(tmp_path, {"<unk>": 0, "a": 1, "b": 2})
    plain = Tokenizer.load(str(path), **NAMES)
    packed = tmp_path / "other.json.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for loaded in (plain, Tokenizer.load(str(packed), **NAMES)):
        assert loaded.encode(["a b a b"])[0].tolist() == [1, 2, 1, 2]
        assert (loaded.eod_id, loaded.pad_id, loaded.vocabulary_size) == (3, 4, 6)
        assert loaded.sha256 == plain.sha256


def test_text_lost_in_the_vocabulary_is_counted(tmp_path: Path) -> None:
    loaded = Tokenizer.load(str(words(tmp_path, {"<unk>": 0, "a": 1})), **NAMES)
    rows, is_exact = tokenize(*batch_of(["a", "a zebra", "a a"]), loaded, first_row=0)
    assert is_exact.tolist() == [True, False, True]
    assert count_unknowns(rows["tokens"], loaded).tolist() == [0, 1, 0]


def test_reserved_token_that_plain_text_can_give_is_refused(tmp_path: Path) -> None:
    path = words(tmp_path, {"<unk>": 0, "end": 1, "a": 2})
    raw = json.loads(path.read_text())
    raw["added_tokens"][0].update(id=1, content="end")
    path.write_text(json.dumps(raw))
    loaded = Tokenizer.load(str(path), eod_token="end", pad_token="<pad>")
    with pytest.raises(InvariantError, match="for plain text that begins 'a end'"):
        loaded.encode(["a end"])


def test_tokenizer_that_marks_the_start_of_a_text_is_never_cut(tmp_path: Path) -> None:
    metaspace = {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": True}
    vocabulary = {"<unk>": 0, "_a": 1, "_": 2, "_\n": 3, "_\na": 4}
    path = words(tmp_path, vocabulary, pre_tokenizer=metaspace)
    loaded = Tokenizer.load(str(path), **NAMES)
    in_pieces = ReferenceEncoder(loaded._decoder, max_piece_chars=4)
    text = "a a a \na a a \na a"
    assert in_pieces.encode([text]).tokens.tolist() == loaded.encode([text])[0].tolist()
    assert 4 in loaded.encode([text])[0].tolist()


@pytest.mark.parametrize(
    ("name", "tokens", "message"),
    [
        ("gpt-9", QWEN, r"'gpt-9' is neither shipped \(qwen2.5\) nor a file"),
        ("qwen2.5", {**QWEN, "eod_token": "</s>"}, "eod_token '</s>' is not an added token"),
        ("qwen2.5", {**QWEN, "pad_token": "a"}, "pad_token 'a' is not an added token"),
    ],
)
def test_unknown_tokenizer_or_token_is_refused(
    name: str, tokens: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Tokenizer.load(name, **tokens)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"added_tokens": []}'])
def test_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"is not a tokenizer\.json"):
        Tokenizer.load(str(path), **NAMES)


@pytest.fixture(scope="module")
def slow(qwen: Tokenizer) -> Tokenizer:
    one = dataclasses.replace(qwen)
    one.__dict__["_chosen"] = ChosenEncoder(one.reference, "for these tests")
    return one


@given(st.lists(nasty_text, max_size=5))
def test_rows_do_not_depend_on_the_encoder(
    qwen: Tokenizer, slow: Tokenizer, texts: list[str]
) -> None:
    fast, slow_rows = (tokenize(*batch_of(texts), one, first_row=0) for one in (qwen, slow))
    assert fast.rows.equals(slow_rows.rows)
    assert fast.is_exact.tolist() == slow_rows.is_exact.tolist()


class Forgetful:
    """An encoder that loses the last token of every text."""

    name = "forgetful 1.0"

    def __init__(self, truth: ReferenceEncoder) -> None:
        self._truth = truth

    def encode(self, texts: Sequence[str]) -> Encoded:
        found = [tokens[:-1] for tokens in self._truth.encode(texts).split()]
        lengths = [len(tokens) for tokens in found]
        return Encoded(np.concatenate(found), np.cumsum([0, *lengths]))


@pytest.fixture
def forgetful(qwen: Tokenizer) -> Tokenizer:
    one = dataclasses.replace(qwen)
    one.__dict__["_chosen"] = ChosenEncoder(Forgetful(one.reference), None)
    return one


def test_an_encoder_that_errs_on_the_first_document_of_a_shard_stops_the_run(
    forgetful: Tokenizer,
) -> None:
    ids, texts = batch_of(["one two", "three four"])
    _, is_exact = tokenize(ids, texts, forgetful, first_row=0)
    assert is_exact.tolist() == [False, False]
    with pytest.raises(InvariantError, match=rf"document {ids[0]}: forgetful 1.0 gives other"):
        tokenize(ids, texts, forgetful, first_row=0, is_first_checked=True)


def test_one_document_in_a_thousand_is_checked_whatever_its_batch(forgetful: Tokenizer) -> None:
    ids, texts = batch_of(["a b"] * 5_000)
    checked = []
    for row in range(len(ids)):
        try:
            tokenize(ids[row : row + 1], texts[row : row + 1], forgetful, first_row=row)
        except InvariantError:
            checked.append(row)
    assert 1 <= len(checked) <= 15
    with pytest.raises(InvariantError, match=str(ids[checked[0]])):
        tokenize(ids, texts, forgetful, first_row=0)
