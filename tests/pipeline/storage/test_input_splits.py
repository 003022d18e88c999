import gzip
import io
import itertools
import json
import random
import tarfile
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import ConfigError
from pipeline.storage import splits as splits_module
from pipeline.storage.filesystem import atomic_output, join
from pipeline.storage.splits import (
    InputFile,
    SourceConfig,
    Split,
    list_inputs,
    plan_splits,
    read_split,
)
from tests.pipeline.storage.warc_files import response, warc, zipped

LINES = b"".join(json.dumps({"text": f"line {n}"}).encode() + b"\n" for n in range(30))


def put(folder, name, data):
    with atomic_output(join(folder, name)) as file:
        file.write(data)


def source(form, *paths, **kwargs):
    return SourceConfig(format=form, paths=list(paths), **kwargs)


def listed(sources):
    return {
        name: [(f.name, f.member) for f in files] for name, files in list_inputs(sources).items()
    }


def read_all(sources, *, split_bytes=1 << 20, ignored=None):
    splits = plan_splits(list_inputs(sources), sources, split_bytes=split_bytes)
    return [
        row
        for split in splits
        for row in read_split(
            split,
            sources[split.source],
            max_record_bytes=10_000,
            ignored={} if ignored is None else ignored,
        )
    ]


def corpus(folder):
    """A few files of every format, and the sources that name them."""
    put(folder, "crawl/b.warc.gz", zipped(*[response(b"%d" % n * 200) for n in range(4)]))
    put(folder, "crawl/a.warc", response(b"plain") * 3)
    conversions = [warc("conversion", b"text", content_type="text/plain") for _ in range(3)]
    put(folder, "crawl/a.warc.wet.gz", zipped(*conversions))
    put(folder, "lines/a.jsonl", LINES)
    put(folder, "lines/b.jsonl.gz", gzip.compress(LINES))
    sink = pa.BufferOutputStream()
    table = pa.table({"text": [f"row {n}" for n in range(20)]})
    pq.write_table(table, sink, row_group_size=3)
    put(folder, "rows/a.parquet", sink.getvalue().to_pybytes())
    for name in ("a.pdf", "deep/b.pdf", "deep/c.html"):
        put(folder, f"papers/{name}", name.encode())
    for name in ("main.py", "src/a.py", ".git/config", "src/__pycache__/a.pyc", ".github/x.yml"):
        put(folder, f"repos/one/{name}", name.encode())
    put(folder, "repos/two.tar.gz", tar_of({"two/main.py": b"2", "two/b.py": b"3"}))
    return {
        "web": source("warc", join(folder, "crawl/*.warc.gz"), join(folder, "crawl/*.warc")),
        "wet": source("wet", join(folder, "crawl/*.wet.gz")),
        "lines": source("jsonl", join(folder, "lines/*"), license="CC0-1.0"),
        "rows": source("parquet", join(folder, "rows/a.parquet")),
        "papers": source("files", join(folder, "papers/**/*.pdf")),
        "code": source("tree", join(folder, "repos/one"), join(folder, "repos/*.tar.gz")),
    }


def tar_of(members):
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def test_sources_and_their_files_are_listed_in_order_of_their_names(folder):
    assert listed(corpus(folder)) == {
        "code": [
            ("one", ".github/x.yml"),
            ("one", "main.py"),
            ("one", "src/a.py"),
            ("two.tar.gz", None),
        ],
        "lines": [("a.jsonl", None), ("b.jsonl.gz", None)],
        "papers": [("a.pdf", None), ("deep/b.pdf", None)],
        "rows": [("a.parquet", None)],
        "web": [("a.warc", None), ("b.warc.gz", None)],
        "wet": [("a.warc.wet.gz", None)],
    }


def test_every_format_is_read_into_records(folder):
    rows = read_all(corpus(folder))
    by_source = {name: [r for r in rows if r.source == name] for name in {r.source for r in rows}}
    assert {name: len(found) for name, found in by_source.items()} == {
        "code": 5,
        "lines": 60,
        "papers": 2,
        "rows": 20,
        "web": 7,
        "wet": 3,
    }
    assert not any(row.error_type for row in rows)
    assert [(row.archive, row.member) for row in by_source["code"]][-1] == (
        "two.tar.gz",
        "two/b.py",
    )
    assert {row.license for row in by_source["lines"]} == {"CC0-1.0"}


@pytest.mark.parametrize("split_bytes", [1, 57, 300, 1000, 1 << 20])
def test_the_size_of_splits_changes_no_record(folder, split_bytes):
    sources = corpus(folder)
    assert read_all(sources, split_bytes=split_bytes) == read_all(sources)


def test_ids_do_not_depend_on_the_folder_or_its_kind(tmp_path, memory_folder):
    places = [str(tmp_path / "here"), str(tmp_path / "else" / "where"), memory_folder]
    one, *others = ([row.id for row in read_all(corpus(place))] for place in places)
    assert len(set(one)) == len(one)
    assert others == [one, one]


def plan_lines(folder, sources, split_bytes=100):
    """The plan as it is stored, without the folder it was made in."""
    splits = plan_splits(list_inputs(sources), sources, split_bytes=split_bytes)
    return [split.to_json().replace(folder, "") for split in splits]


def test_the_plan_does_not_depend_on_the_order_of_sources_and_paths(folder):
    sources = corpus(folder)
    plan = plan_lines(folder, sources)
    shuffled = {
        name: config.model_copy(update={"paths": config.paths[::-1]})
        for name, config in random.Random(0).sample(sorted(sources.items()), len(sources))
    }
    assert list(shuffled) != list(sources)
    assert plan_lines(folder, shuffled) == plan


def test_the_plan_survives_its_json(folder):
    sources = corpus(folder)
    for split in plan_splits(list_inputs(sources), sources, split_bytes=100):
        assert Split.from_json(split.to_json()) == split


FILE_SIZES = st.lists(st.integers(0, 500), min_size=1, max_size=20)


def plan_of(sizes, form, split_bytes):
    files = [
        InputFile(path=f"/in/{n:02}", name=f"{n:02}", member=None, bytes=size, version="")
        for n, size in enumerate(sizes)
    ]
    return plan_splits({"s": files}, {"s": source(form, "/in/*")}, split_bytes=split_bytes)


@given(FILE_SIZES, st.sampled_from(["warc", "jsonl", "files"]), st.integers(1, 300))
def test_pieces_cover_every_byte_of_every_file_once_and_in_order(sizes, form, split_bytes):
    splits = plan_of(sizes, form, split_bytes)
    pieces = [piece for split in splits for piece in split.pieces]
    for number, size in enumerate(sizes):
        of_file = [piece for piece in pieces if piece.name == f"{number:02}"]
        edges = [of_file[0].start, *(piece.end for piece in of_file)]
        assert (edges[0], edges[-1]) == (0, size)
        assert [piece.start for piece in of_file] == edges[:-1]
        assert form != "files" or len(of_file) == 1
    assert [piece.name for piece in pieces] == sorted(piece.name for piece in pieces)


@given(FILE_SIZES, st.sampled_from(["warc", "files"]), st.integers(1, 300))
def test_splits_are_filled_up_to_their_size_and_numbered(sizes, form, split_bytes):
    splits = plan_of(sizes, form, split_bytes)
    assert [(s.shard, s.num_shards) for s in splits] == [
        (n, len(splits)) for n in range(len(splits))
    ]
    filled = [sum(piece.bytes for piece in split.pieces) for split in splits]
    for split, size in zip(splits, filled, strict=True):
        assert size <= split_bytes or len(split.pieces) == 1
    for split, (size, _) in zip(splits[1:], itertools.pairwise(filled), strict=True):
        assert size + split.pieces[0].bytes > split_bytes


def test_a_split_holds_a_bounded_number_of_small_files(monkeypatch):
    monkeypatch.setattr(splits_module, "MAX_FILES_PER_SHARD", 3)
    splits = plan_of([0] * 8, "files", 100)
    assert [len(split.pieces) for split in splits] == [3, 3, 2]


def test_a_split_holds_one_source_only(folder):
    sources = corpus(folder)
    splits = plan_splits(list_inputs(sources), sources, split_bytes=1 << 30)
    assert [split.source for split in splits] == sorted(sources)


def test_a_gzipped_jsonl_file_is_never_cut():
    files = [InputFile(path="/a.gz", name="a.jsonl.gz", member=None, bytes=999, version="")]
    config = source("jsonl", "/a.gz")
    (split,) = plan_splits({"s": files}, {"s": config}, split_bytes=10)
    assert [asdict(piece)["end"] for piece in split.pieces] == [999]


def test_parquet_is_cut_at_row_groups(folder):
    sources = {"rows": corpus(folder)["rows"]}
    splits = plan_splits(list_inputs(sources), sources, split_bytes=200)
    edges = [(piece.start, piece.end) for split in splits for piece in split.pieces]
    assert len(edges) > 1
    assert (edges[0][0], edges[-1][1]) == (0, 7)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(edges))


def test_what_is_no_parquet_is_planned_and_becomes_one_failed_record(folder):
    put(folder, "rows/a.parquet", b"not parquet")
    put(folder, "rows/empty.parquet", b"")
    rows = read_all({"rows": source("parquet", join(folder, "rows/*"))}, split_bytes=3)
    assert [(row.archive, row.error_type) for row in rows] == [
        ("a.parquet", "ArrowInvalid"),
        ("empty.parquet", "ArrowInvalid"),
    ]


def test_ignored_records_are_counted_over_all_files(folder):
    put(folder, "a.warc.gz", zipped(warc("warcinfo", b"", content_type="x/y"), response()))
    put(folder, "b.warc.gz", zipped(warc("warcinfo", b"", content_type="x/y")))
    put(folder, "c.warc.gz", b"")
    ignored = {}
    rows = read_all({"web": source("warc", join(folder, "*.warc.gz"))}, ignored=ignored)
    assert len(rows) == 1
    assert ignored == {"warc.warcinfo": 2}


@pytest.mark.parametrize("pattern", ["in/*.pdf", "in/none.pdf", "nowhere/**"])
def test_a_pattern_that_matches_nothing_is_refused_with_its_field(folder, pattern):
    put(folder, "in/a.txt", b"x")
    with pytest.raises(ConfigError, match=r"sources\.papers\.paths: .* matches no file"):
        list_inputs({"papers": source("files", join(folder, pattern))})


def test_a_tree_without_files_of_its_own_is_refused(folder):
    put(folder, "repo/.git/config", b"x")
    with pytest.raises(ConfigError, match="matches no file"):
        list_inputs({"code": source("tree", join(folder, "repo"))})


def test_a_file_that_two_patterns_match_is_refused(folder):
    put(folder, "in/a.pdf", b"x")
    with pytest.raises(
        ConfigError, match=r"sources\.papers\.paths: .*a\.pdf.* would both be called"
    ):
        list_inputs({"papers": source("files", join(folder, "in/*.pdf"), join(folder, "in/a.pdf"))})


def test_two_files_of_one_name_are_refused_but_not_in_two_sources(folder):
    put(folder, "one/a.pdf", b"x")
    put(folder, "two/a.pdf", b"y")
    paths = join(folder, "one/*.pdf"), join(folder, "two/*.pdf")
    with pytest.raises(ConfigError, match=r"both be called 'a\.pdf'.*two sources"):
        list_inputs({"papers": source("files", *paths)})
    rows = read_all({"one": source("files", paths[0]), "two": source("files", paths[1])})
    assert len({row.id for row in rows}) == 2


def test_a_changed_file_has_another_version(tmp_path):
    sources = {"papers": source("files", str(tmp_path / "*.pdf"))}
    path = Path(tmp_path / "a.pdf")
    path.write_bytes(b"one")
    before = list_inputs(sources)
    assert list_inputs(sources) == before
    path.write_bytes(b"two!")
    assert list_inputs(sources) != before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": "csv"}, "format"),
        ({"paths": []}, "paths"),
        ({"paths": "in/*"}, "paths"),
        ({"license": 3}, "license"),
        ({"fields": {"txt": "a"}}, "fields.txt"),
        ({"glob": "*"}, "glob"),
    ],
)
def test_impossible_sources_are_refused(change, field):
    with pytest.raises(ValidationError) as refused:
        SourceConfig.model_validate({"format": "jsonl", "paths": ["a"]} | change)
    assert [".".join(map(str, error["loc"])) for error in refused.value.errors()] == [field]


def test_names_of_other_bytes_than_utf8_are_read_and_counted(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "caf\udce9.txt").write_bytes(b"x")
    sources = {"papers": source("files", str(tmp_path / "in" / "*"))}
    splits = plan_splits(list_inputs(sources), sources, split_bytes=10)
    (split,) = [Split.from_json(split.to_json()) for split in splits]
    (row,) = read_split(split, sources["papers"], max_record_bytes=9, ignored={})
    assert (row.payload, row.archive) == (b"x", "caf\\xe9.txt")
