import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.document import document_id
from pipeline.storage import trees
from pipeline.storage.filesystem import join
from pipeline.storage.trees import FileSlice, read_archive, read_file


def part_of(path, name="a.zip", *, member=None, limit=1000):
    return FileSlice(
        source="s", path=path, name=name, member=member, license="MIT", max_record_bytes=limit
    )


def put(folder, name, data):
    path = join(folder, name)
    with fsspec.open(path, "wb") as file:
        file.write(data)
    return path


def read(folder, name, data, *, limit=1000, ignored=None):
    part = part_of(put(folder, name, data), name, limit=limit)
    return list(read_archive(part, {} if ignored is None else ignored))


def payloads(rows):
    return [(row.member, row.payload) for row in rows]


def zip_bytes(members, compression=zipfile.ZIP_DEFLATED):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return sink.getvalue()


def tar_bytes(members, *, form=tarfile.PAX_FORMAT):
    """Members are (name, data), or (name, type) for what is no regular file."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if data in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
                info.type, info.linkname = data, "a.py"
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


MEMBERS = [("a.py", b"one"), ("src/b.py", b"two" * 50), ("empty", b""), ("z\u00e9.txt", b"three")]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zip_bytes(MEMBERS)),
        ("stored.zip", zip_bytes(MEMBERS, zipfile.ZIP_STORED)),
        ("a.tar", tar_bytes(MEMBERS)),
        ("gnu.tar", tar_bytes(MEMBERS, form=tarfile.GNU_FORMAT)),
        ("a.tar.gz", gzip.compress(tar_bytes(MEMBERS))),
        ("a.tgz", gzip.compress(tar_bytes(MEMBERS))),
        ("a.tar.bz2", bz2.compress(tar_bytes(MEMBERS))),
        ("a.tar.xz", lzma.compress(tar_bytes(MEMBERS))),
    ],
)
def test_each_member_is_a_record_named_by_its_path(folder, name, data):
    rows = read(folder, name, data)
    assert payloads(rows) == MEMBERS
    assert {(row.archive, row.license, row.offset) for row in rows} == {(name, "MIT", None)}
    assert [row.length for row in rows] == [3, 150, 0, 5]
    assert rows[1].id == document_id("s", f"{name}\0src/b.py\0")


def test_folders_links_and_devices_are_counted_not_followed(folder):
    data = tar_bytes(
        [
            ("src", tarfile.DIRTYPE),
            ("a.py", b"one"),
            ("link", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("pipe", tarfile.FIFOTYPE),
        ]
    )
    ignored = {"tar.folder": 10}
    assert payloads(read(folder, "a.tar", data, ignored=ignored)) == [("a.py", b"one")]
    assert ignored == {"tar.folder": 11, "tar.link_or_device": 3}
    ignored = {}
    assert payloads(read(folder, "a.zip", zip_bytes([("src/", b""), *MEMBERS]), ignored=ignored))
    assert ignored == {"zip.folder": 1}


TRAVERSALS = [("../../etc/passwd", b"one"), ("/etc/passwd", b"two"), ("a/../../b", b"three")]


@pytest.mark.parametrize(
    ("name", "data"), [("a.zip", zip_bytes(TRAVERSALS)), ("a.tar", tar_bytes(TRAVERSALS))]
)
def test_a_name_that_climbs_out_is_only_a_label(tmp_path, monkeypatch, name, data):
    monkeypatch.chdir(tmp_path)
    assert payloads(read(str(tmp_path), name, data)) == TRAVERSALS
    assert [path.name for path in tmp_path.rglob("*")] == [name]


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_a_name_used_again_is_another_record(folder, name):
    make = zip_bytes if name == "a.zip" else tar_bytes
    rows = read(folder, name, make([("a", b"one"), ("b", b"two"), ("a", b"three"), ("a", b"")]))
    assert [(row.member, row.payload, row.offset) for row in rows] == [
        ("a", b"one", None),
        ("b", b"two", None),
        ("a", b"three", 1),
        ("a", b"", 2),
    ]
    assert len({row.id for row in rows}) == 4


def test_a_member_over_the_limit_is_unreadable_and_the_next_is_read(folder):
    members = [("a", b"x" * 11), ("b", b"y" * 10)]
    for name, data in (("a.zip", zip_bytes(members)), ("a.tar", tar_bytes(members))):
        large, small = read(folder, name, data, limit=10)
        assert (large.member, large.payload, large.error_type) == ("a", None, "RecordTooLargeError")
        assert large.error_message == "over the limit of 10 bytes"
        assert small.payload == b"y" * 10


def encrypted(data):
    """The zip ``data`` with every member marked as encrypted."""
    data = bytearray(data)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = data.find(signature)
        while position >= 0:
            data[position + flags] |= 1
            position = data.find(signature, position + 1)
    return bytes(data)


def test_members_of_an_encrypted_zip_are_unreadable_one_by_one(folder):
    rows = read(folder, "a.zip", encrypted(zip_bytes(MEMBERS[:2])))
    assert [(row.member, row.error_type) for row in rows] == [
        ("a.py", "RuntimeError"),
        ("src/b.py", "RuntimeError"),
    ]
    assert "encrypted" in rows[0].error_message


def test_a_zip_member_of_unknown_method_or_wrong_checksum_fails_alone(folder):
    data = bytearray(zip_bytes([("a", b"one"), ("b", b"two"), ("c", b"three")], zipfile.ZIP_STORED))
    struct.pack_into("<H", data, data.find(b"PK\x01\x02") + 10, 99)
    struct.pack_into("<H", data, data.find(b"PK\x03\x04") + 8, 99)
    data[data.find(b"two")] ^= 1
    rows = read(folder, "a.zip", bytes(data))
    assert [(row.member, row.payload, row.error_type) for row in rows] == [
        ("a", None, "NotImplementedError"),
        ("b", None, "BadZipFile"),
        ("c", b"three", None),
    ]


def test_a_zip_that_lost_its_directory_is_one_unreadable_row(folder):
    (row,) = read(folder, "a.zip", zip_bytes(MEMBERS)[:-30])
    assert (row.member, row.error_type) == (None, "BadZipFile")


def test_a_zip_whose_directory_was_emptied_is_not_taken_for_an_empty_one(folder):
    data = bytearray(zip_bytes(MEMBERS))
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = bytes(4)  # bytes of the directory
    (row,) = read(folder, "a.zip", bytes(data))
    assert "the directory lists no member" in row.error_message


def test_a_zip_member_may_be_called_nothing(folder):
    data = zip_bytes([("?", b"one"), ("b", b"two")], zipfile.ZIP_STORED).replace(b"?", b"\0")
    assert payloads(read(folder, "a.zip", data)) == [("", b"one"), ("b", b"two")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_cut_short_gives_what_came_before_and_one_unreadable_row(folder, pack):
    name = {bytes: "a.tar", gzip.compress: "a.tar.gz"}.get(pack, "a.tar.xz")
    members = [(f"{n}", b"%d" % n * 600) for n in range(4)]
    data = tar_bytes(members)
    packed = pack(data) if pack is not bytes else data
    for cut in range(1, len(packed), 97 if pack is bytes else 7):
        rows = read(folder, name, packed[:cut])
        if payloads(rows) == members:  # only the padding at the end is gone
            continue
        *healthy, broken = rows
        assert payloads(healthy) == members[: len(healthy)]
        assert (broken.payload, broken.member) == (None, None)
        whole_members = [n for n in range(4) if pack is bytes and cut >= n * 1536 + 512 + 600]
        assert len(healthy) >= len(whole_members)


def test_a_tar_cut_between_two_members_is_not_taken_for_whole(folder):
    members = [(f"{n}", b"%d" % n * 512) for n in range(4)]
    *healthy, broken = read(folder, "a.tar", tar_bytes(members)[: 2 * 1024])
    assert payloads(healthy) == members[:2]
    assert broken.error_type == "ReadError"
    assert "no member where the next should start" in broken.error_message


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(folder):
    members = [(f"{n}", b"%d" % n * 512) for n in range(4)]
    data = bytearray(tar_bytes(members))
    data[2048:2068] = b"\xff" * 20
    *healthy, broken = read(folder, "a.tar", bytes(data))
    assert payloads(healthy) == members[:2]
    assert "bad checksum" in broken.error_message


def test_a_tar_of_nothing_holds_no_record(folder):
    assert read(folder, "a.tar", tar_bytes([])) == []
    assert read(folder, "a.zip", zip_bytes([])) == []


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("data", [b"", b"not an archive", b"\x1f\x8b\x08\x00" * 5, b"PK\x03\x04"])
def test_what_is_no_archive_is_one_unreadable_row(folder, name, data):
    (row,) = read(folder, name, data)
    assert (row.member, row.payload) == (None, None)
    assert row.error_type in ("BadZipFile", "ReadError")


SAMPLES = {"a.zip": zip_bytes(MEMBERS), "a.tar": tar_bytes(MEMBERS)}
SAMPLES["a.tar.gz"] = gzip.compress(SAMPLES["a.tar"], mtime=0)


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_no_damage_raises_and_none_passes_for_nothing(memory_folder, name, data):
    damaged = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        damaged[position] = data.draw(st.integers(0, 255))
    rows = read(memory_folder, name, bytes(damaged))
    assert rows
    assert len({row.id for row in rows}) == len(rows)
    assert all((row.payload is None) == (row.error_type is not None) for row in rows)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_an_archive_that_unpacks_to_too_much_is_given_up(folder, monkeypatch, name):
    monkeypatch.setattr(trees, "MAX_ARCHIVE_BYTES", 250)
    members = [(f"{n}", b"0" * 100) for n in range(5)]
    data = zip_bytes(members) if name == "a.zip" else tar_bytes(members)
    *healthy, broken = read(folder, name, gzip.compress(data) if name == "a.tar.gz" else data)
    assert payloads(healthy) == members[:2]
    assert (broken.error_type, broken.error_message) == ("EOFError", "over 250 bytes unpacked")


def test_what_a_tar_makes_unpack_only_to_get_past_counts_too(folder, monkeypatch):
    monkeypatch.setattr(trees, "MAX_ARCHIVE_BYTES", 10_000)
    data = gzip.compress(tar_bytes([("bomb", b"\0" * 1_000_000), ("a", b"one")]))
    (broken,) = read(folder, "a.tar.gz", data, limit=100)
    assert broken.error_message == "over 10000 bytes unpacked"


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_name_of_other_bytes_than_utf8_is_spelled_out(folder, form):
    data = tar_bytes([("caf\udce9", b"one")], form=form)
    (row,) = read(folder, "a.tar", data)
    assert row.member == "caf\\xe9"


def test_a_file_is_read_whole_with_its_place_in_the_tree(folder):
    path = put(folder, "deep/a.py", b"x = 1")
    (row,) = read_file(part_of(path, "repo", member="deep/a.py"))
    assert (row.payload, row.archive, row.member) == (b"x = 1", "repo", "deep/a.py")
    assert (row.length, row.license, row.media_type) == (5, "MIT", None)


def test_an_empty_file_is_a_record_too(folder):
    (row,) = read_file(part_of(put(folder, "a.pdf", b""), "a.pdf"))
    assert row.payload == b""


def test_a_file_over_the_limit_or_gone_is_unreadable(folder):
    path = put(folder, "a.py", b"x" * 11)
    (large,) = read_file(part_of(path, "repo", member="a.py", limit=10))
    (gone,) = read_file(part_of(join(folder, "b.py"), "repo", member="b.py"))
    assert (large.payload, large.error_type, large.member) == (None, "RecordTooLargeError", "a.py")
    assert (gone.payload, gone.error_type, gone.member) == (None, "FileNotFoundError", "b.py")
