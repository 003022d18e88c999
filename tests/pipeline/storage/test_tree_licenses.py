"""The licence of a source tree reaches every file of it that states none of its own."""

import io
import tarfile
import zipfile

import pytest

from pipeline.storage.filesystem import join, write_text
from pipeline.storage.licenses import is_license_file, license_of_tree
from pipeline.storage.splits import SourceConfig, list_inputs, plan_splits, read_split

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy"
APACHE = "Apache License\n   Version 2.0, January 2004"
FILES = {"one/src/a.py": "x = 1\n", "one/LICENSE.txt": MIT, "one/docs/COPYING": APACHE}


def licenses_of(pattern: str, *, given: str | None = None) -> dict[str, str | None]:
    sources = {"code": SourceConfig(format="tree", paths=[pattern], license=given)}
    splits = plan_splits(list_inputs(sources), sources, split_bytes=1 << 20)
    rows = [
        row
        for split in splits
        for row in read_split(split, sources["code"], max_record_bytes=1 << 20, ignored={})
    ]
    return {(row.member or "").removeprefix("one/"): row.license for row in rows}


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *[("LICENSE", True), ("LICENSE-MIT", True), ("COPYING.txt", True), ("UNLICENSE", True)],
        *[("pkg-1.0/LICENCE.md", True), ("src/deep/LICENSE", False), ("LICENSE-3RD-PARTY", False)],
        *[
            ("example.org/a/b@v1.2.0/LICENSE", True),
            ("license.py", False),
            ("docs/licenses.rst", False),
        ],
    ],
)
def test_the_licence_files_of_a_tree_lie_at_its_root(name: str, is_one: bool) -> None:
    assert is_license_file(name) is is_one


def test_two_known_licences_are_a_choice_and_unknown_texts_say_nothing() -> None:
    assert license_of_tree([MIT, APACHE]) == "Apache-2.0 OR MIT"
    assert license_of_tree(["All is well."]) is None


def test_a_folder_hands_its_licence_to_its_files(folder: str) -> None:
    for name, text in FILES.items():
        write_text(join(folder, name), text)
    found = licenses_of(join(folder, "*"), given="BSD-3-Clause")
    assert found["src/a.py"] == "Apache-2.0 OR MIT"  # docs/COPYING is one folder down


def test_without_a_licence_file_the_recipe_has_the_word(folder: str) -> None:
    write_text(join(folder, "one/src/a.py"), "x = 1\n")
    assert licenses_of(join(folder, "*"), given="BSD-3-Clause") == {"src/a.py": "BSD-3-Clause"}


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_an_archive_hands_its_licence_to_its_members(tmp_path, suffix: str) -> None:
    path = tmp_path / f"one{suffix}"
    files = {"one/a.py": "x = 1\n", "one/LICENSE": MIT}
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
    assert licenses_of(str(path)) == {"a.py": "MIT", "LICENSE": "MIT"}
