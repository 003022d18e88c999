import threading

import fsspec
import pytest

from pipeline.errors import StorageError
from pipeline.storage.filesystem import (
    atomic_output,
    exists,
    find,
    join,
    open_input,
    read_bytes,
    read_text,
    remove,
    walk,
    write_text,
)


def names(folder):
    filesystem, path = fsspec.core.url_to_fs(folder)
    return sorted(name.rpartition("/")[2] for name in filesystem.ls(path, detail=False))


def test_text_is_read_back_and_folders_are_made(folder):
    write_text(join(folder, "a", "b", "c.txt"), "Grüße\n")
    assert read_text(join(folder, "a", "b", "c.txt")) == "Grüße\n"


def test_what_is_not_there_does_not_exist(folder):
    assert not exists(join(folder, "nothing"))
    with pytest.raises(FileNotFoundError):
        open_input(join(folder, "nothing"))


def test_removing_takes_files_and_whole_folders_and_minds_nothing_missing(folder):
    for name in ("a/one", "a/b/two", "three"):
        write_text(join(folder, name), "x")
    remove(join(folder, "a"))
    remove(join(folder, "three"))
    remove(join(folder, "three"))
    assert not exists(join(folder, "a", "b", "two"))
    assert not exists(join(folder, "three"))


def test_a_file_appears_only_when_its_block_ends(folder):
    path = join(folder, "out")
    with atomic_output(path) as file:
        file.write(b"new")
        assert not exists(path)
    assert read_bytes(path) == b"new"
    assert names(folder) == ["out"]


def write_half(path, interruption):
    with atomic_output(path) as file:
        file.write(b"half")
        raise interruption


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_an_interrupted_block_leaves_nothing(folder, interruption):
    write_text(join(folder, "before"), "x")
    with pytest.raises(interruption):
        write_half(join(folder, "out"), interruption)
    assert names(folder) == ["before"]


def test_an_interrupted_block_leaves_the_earlier_file_as_it_was(folder):
    write_text(join(folder, "out"), "old")
    with pytest.raises(ValueError, match="stop"):
        write_half(join(folder, "out"), ValueError("stop"))
    assert read_text(join(folder, "out")) == "old"
    assert names(folder) == ["out"]


def test_of_two_writers_at_once_the_last_to_finish_wins_whole(folder):
    path = join(folder, "out")
    with atomic_output(path) as slow:
        slow.write(b"slow ")
        with atomic_output(path) as quick:
            quick.write(b"quick")
        assert read_bytes(path) == b"quick"
        slow.write(b"slow")
    assert read_bytes(path) == b"slow slow"
    assert names(folder) == ["out"]


def test_many_threads_writing_one_path_never_mix(tmp_path):
    path = str(tmp_path / "out")
    texts = {str(digit) * 100_000 for digit in range(8)}
    threads = [threading.Thread(target=write_text, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_text(path) in texts
    assert names(str(tmp_path)) == ["out"]


def test_a_failing_rename_is_a_storage_error_and_leaves_nothing(memory_folder, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError("quota")

    monkeypatch.setattr(fsspec.filesystem("memory"), "mv", refuse)
    with pytest.raises(StorageError, match=r"could not rename .*: quota"):
        write_text(join(memory_folder, "out"), "x")
    assert not exists(join(memory_folder, "out"))


FILES = ("b.txt", "a.txt", "c.md", "deep/a.txt", "deep/er/a.txt", "deep/.git/config")


@pytest.fixture
def tree(folder):
    for name in FILES:
        write_text(join(folder, "in", name), name)
    return join(folder, "in")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a.txt", ["a.txt"]),
        ("*.txt", ["a.txt", "b.txt"]),
        ("?.md", ["c.md"]),
        ("*/a.txt", ["deep/a.txt"]),
        ("**/a.txt", ["a.txt", "deep/a.txt", "deep/er/a.txt"]),
        ("deep/*.txt", ["a.txt"]),
        ("d*p/*.txt", ["deep/a.txt"]),
        ("nothing", []),
        ("*.nothing", []),
    ],
)
def test_names_are_sorted_and_start_where_the_pattern_starts_to_vary(tree, pattern, expected):
    found = find(join(tree, pattern))
    assert [file.name for file in found] == expected
    assert not any(file.is_folder for file in found)


def test_found_paths_open_what_was_found(tree):
    assert [read_text(file.path) for file in find(join(tree, "**", "a.txt"))] == [
        "a.txt",
        "deep/a.txt",
        "deep/er/a.txt",
    ]


@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_is_found_by_its_own_name(tree, end):
    (found,) = find(join(tree, "deep") + end)
    assert (found.name, found.is_folder) == ("deep", True)


@pytest.mark.parametrize("end", ["", "/"])
def test_walking_gives_every_file_below_by_its_relative_name(tree, end):
    found = walk(tree + end)
    assert [file.name for file in found] == sorted(FILES)
    assert [read_text(file.path) for file in found] == sorted(FILES)


def test_names_do_not_depend_on_where_the_folder_lies(tmp_path):
    for place in ("here", "some/where/else"):
        for name in FILES:
            write_text(join(str(tmp_path), place, name), name)
    one, other = (
        [file.name for file in find(join(str(tmp_path), place, "**", "*.txt"))]
        for place in ("here", "some/where/else")
    )
    assert one == other


def test_a_relative_path_is_as_good_as_an_absolute_one(tmp_path, monkeypatch):
    write_text(str(tmp_path / "in" / "a.txt"), "x")
    monkeypatch.chdir(tmp_path)
    assert [file.name for file in find("in/*.txt")] == ["a.txt"]
    assert [file.name for file in walk("in")] == ["a.txt"]


def test_a_name_of_other_bytes_than_utf8_is_spelled_out_and_still_opens(tmp_path):
    (tmp_path / "caf\udce9.txt").write_text("x")
    for found in (*find(str(tmp_path / "*.txt")), *walk(str(tmp_path))):
        assert found.name == "caf\\xe9.txt"
        assert read_text(found.path) == "x"
