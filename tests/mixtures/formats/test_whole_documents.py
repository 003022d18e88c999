"""Documents put together again: each whole, once, and in the order in which they begin."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from mixtures.formats.documents import SEQUENCE, token_blocks, whole_documents
from mixtures.formats.export import NativeShard
from mixtures.formats.window_files import row_bounds, window_rows
from mixtures.mtp import targets
from pipeline.errors import InvariantError
from tests.mixtures.formats.exported_stage import COMPONENTS, make_stage, window_bounds
from tests.mixtures.sample_shards import EOD, document_lengths, documents


def tokens_of(shard: NativeShard, component: str | None = None) -> tuple[list[list[int]], list]:
    whole = whole_documents(shard, component=component)
    tokens = np.concatenate([np.empty(0, np.int32), *token_blocks(whole)])
    ends = np.cumsum(whole.lengths)
    return [part.tolist() for part in np.split(tokens, ends[:-1])], whole.table.to_pylist()


@given(lengths=document_lengths)
def test_every_document_is_there_once_and_whole(lengths, tmp_path_factory) -> None:
    (shard,) = make_stage(tmp_path_factory.mktemp("shard"), (lengths,)).shards
    found, rows = tokens_of(shard)
    assert [row[SEQUENCE] for row in rows] == list(range(len(lengths)))
    table = documents(lengths)
    names = [(row["id"], row["copy"]) for row in shard.documents.to_pylist()]
    for tokens, row in zip(found, rows, strict=True):
        number = names.index((row["id"], row["copy"]))
        low, high = table.offsets[number : number + 2]
        assert tokens == table.values[low:high].tolist()
        assert tokens[-1] == EOD
        assert tokens.count(EOD) == 1


def test_documents_come_as_their_windows_come(tmp_path) -> None:
    (shard,) = make_stage(tmp_path, ([40, 3, 5, 16, 33, 9, 2] * 3,)).shards
    found, _ = tokens_of(shard)
    rows = np.asarray(shard.windows.tokens)
    places = [tuple(np.argwhere(rows == tokens[0])[0]) for tokens in found]
    assert places == sorted(places)


def test_components_share_out_the_documents(tmp_path) -> None:
    (shard,) = make_stage(tmp_path, ([40, 3, 5, 16, 33, 9, 2] * 3,)).shards
    everything, _ = tokens_of(shard)
    parts = {name: tokens_of(shard, name) for name in COMPONENTS}
    assert sorted(tokens for found, _ in parts.values() for tokens in found) == sorted(everything)
    for name, (_, rows) in parts.items():
        assert {row["component"] for row in rows} == {name}


def test_documents_joined_for_training_are_one_sequence_with_a_row_each(tmp_path) -> None:
    (shard,) = make_stage(tmp_path, ([40, 12],)).shards
    rows = shard.documents.to_pylist()
    members = [rows[0] | {"num_tokens": 25}, rows[0] | {"num_tokens": 15, "id": "f" * 32}, rows[1]]
    table = pa.Table.from_pylist(members, shard.documents.schema)
    found, listed = tokens_of(NativeShard(shard.windows, table))
    by_sequence = {0: [], 1: []}
    for row in listed:
        by_sequence[row[SEQUENCE]].append(row["num_tokens"])
    assert {sum(of) for of in by_sequence.values()} == {40, 12}
    assert [25, 15] in by_sequence.values()
    assert sorted(len(tokens) for tokens in found) == [12, 40]


def test_a_document_table_of_another_shard_is_refused(tmp_path) -> None:
    (one,) = make_stage(tmp_path / "one", ([40, 12],)).shards
    (two,) = make_stage(tmp_path / "two", ([40, 13],)).shards
    with pytest.raises(InvariantError, match="document 1 has 12 tokens in its windows"):
        whole_documents(NativeShard(one.windows, two.documents))


@given(lengths=document_lengths)
def test_a_row_of_a_window_tells_the_targets_of_the_window(lengths, tmp_path_factory) -> None:
    (shard,) = make_stage(tmp_path_factory.mktemp("shard"), (lengths,)).shards
    for window, row in enumerate(window_rows(shard)):
        bounds = row_bounds(row.cu_seqlens, num_tokens=row.num_tokens, lookahead=row.lookahead)
        found = targets(row.tokens[None], bounds)
        rows_br = np.asarray(shard.windows.tokens[window : window + 1])
        wanted = targets(rows_br, window_bounds(shard.windows, window))
        assert np.array_equal(found.labels_bks, wanted.labels_bks)
