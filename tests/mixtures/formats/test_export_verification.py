"""An export is compared with its windows, and any byte that matters is missed."""

from pathlib import Path

import pytest

from mixtures.formats.catalog import FORMATS
from mixtures.formats.export import SetCounts
from pipeline.errors import InvariantError
from tests.mixtures.formats.exported_stage import Stage, export, make_stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return make_stage(tmp_path_factory.mktemp("native"))


def verify(stage: Stage, folder: Path, format_name: str) -> int:
    of = FORMATS[format_name]
    return sum(
        of.verify(str(folder / files.name), stage.of(files), component=files.component)
        for files in of.plan(stage.shard_tokens())
    )


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_token_of_the_windows_is_found_once(stage, tmp_path, format_name) -> None:
    sets = export(stage, format_name, tmp_path)
    total = sum((one.counts for one in sets), SetCounts(0, 0, 0))
    assert verify(stage, tmp_path, format_name) == total.tokens == stage.num_tokens
    assert total.copies == sum(shard.documents.num_rows for shard in stage.shards)


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_export_is_the_same_bytes_again(stage, tmp_path, format_name) -> None:
    contents = []
    for name in ("one", "two"):
        export(stage, format_name, tmp_path / name)
        root = tmp_path / name
        files = sorted(path for path in root.rglob("*") if path.is_file())
        contents.append({path.relative_to(root): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert contents[0]


@pytest.mark.parametrize(
    ("format_name", "suffix", "message"),
    [
        ("megatron", ".bin", "are not those of document"),
        ("megatron", ".idx", "do not follow one another"),
        ("mds", ".mds", "has other tokens than its window"),
        ("olmo", ".npy", "are not those of document"),
        ("datatrove", ".ds", "are not those of document"),
        ("datatrove", ".ds.index", "ends of documents do not ascend|tokens indexed"),
    ],
)
def test_a_changed_number_is_found(stage, tmp_path, format_name, suffix, message) -> None:
    export(stage, format_name, tmp_path)
    path = next(tmp_path.rglob(f"*{suffix}"))
    data = bytearray(path.read_bytes())
    data[-3] ^= 1  # in the last number's upper half, whatever its size
    path.write_bytes(data)
    with pytest.raises(InvariantError, match=message):
        verify(stage, tmp_path, format_name)


@pytest.mark.parametrize("suffix", [".bin", ".npy", ".ds"])
def test_a_lost_document_is_found(stage, tmp_path, suffix) -> None:
    format_name = {".bin": "megatron", ".npy": "olmo", ".ds": "datatrove"}[suffix]
    export(stage, format_name, tmp_path)
    path = next(tmp_path.rglob(f"*{suffix}"))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InvariantError, match=r"does not hold the \d+ tokens indexed"):
        verify(stage, tmp_path, format_name)


def test_rows_of_another_shard_are_found(stage, tmp_path) -> None:
    for format_name in ("mds", "arrow"):
        export(stage, format_name, tmp_path)
        suffix = FORMATS[format_name].suffixes[0]
        first, second, *_ = sorted(tmp_path.rglob(f"*{suffix}"))
        second.write_bytes(first.read_bytes())
        with pytest.raises(InvariantError, match=r"than its window|does not hold"):
            verify(stage, tmp_path, format_name)
