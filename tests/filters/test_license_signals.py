"""What documents say of their licence is read from the column and the text."""

import pyarrow as pa
import pytest

from filters.license_signals import LicenseAnnotator, LicenseConfig
from tests.support.document_rows import SOURCE_FILE, documents_of


def row(text: str, stated: str | None = None, *, is_code: bool = False) -> dict[str, object]:
    documents = documents_of(text, code=SOURCE_FILE if is_code else None)
    place = documents.schema.get_field_index("license")
    documents = documents.set_column(place, documents.field(place), pa.array([stated], pa.string()))
    made: dict[str, object] = LicenseAnnotator(LicenseConfig()).annotate(documents).to_pylist()[0]
    return made


@pytest.mark.parametrize(
    ("text", "stated", "spdx", "license_class"),
    [
        ("see https://creativecommons.org/licenses/by-sa/4.0/", None, "CC-BY-SA-4.0", "copyleft"),
        ("Licensed under CC BY 3.0.", None, "CC-BY-3.0", "permissive"),
        ("under CC-BY-NC-ND", None, "CC-BY-NC-ND-4.0", "none"),
        ("CC0 1.0 applies", None, "CC0-1.0", "permissive"),
        (
            "Creative Commons Attribution-ShareAlike License 3.0",
            None,
            "CC-BY-SA-3.0",
            "copyleft",
        ),
        (
            "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0",
            None,
            "CC-BY-NC-ND-4.0",
            "none",
        ),
        ("text", "https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0", "permissive"),
        ("CC BY 4.0", "MIT", "CC-BY-4.0", "permissive"),
        ("text", "MIT", "MIT", "permissive"),
        ("the MIT License is a licence", None, None, "unknown"),
        ("she cc'd him; CC the boss", None, None, "unknown"),
        ("", None, None, "unknown"),
    ],
)
def test_a_licence_is_named(
    text: str, stated: str | None, spdx: str | None, license_class: str
) -> None:
    found = row(text, stated)
    assert (found["spdx"], found["class"]) == (spdx, license_class)


def test_a_source_file_is_read_by_its_notice() -> None:
    found = row("# SPDX-License-Identifier: GPL-3.0-only\nx = 1\n", is_code=True)
    assert (found["spdx"], found["class"]) == ("GPL-3.0-only", "copyleft")


@pytest.mark.parametrize(
    ("text", "rights", "mining"),
    [
        ("(c) 2024 Us. All rights reserved. all RIGHTS reserved", 2, 0),
        ("Text and data mining is expressly reserved.", 0, 1),
        ("No part may not be used to train AI systems or models.", 0, 1),
        ("This site must not be used for training of language models.", 0, 1),
        ("We train runners. Gold mining is prohibited. AI models are fun.", 0, 0),
    ],
)
def test_reservations_are_counted(text: str, rights: int, mining: int) -> None:
    found = row(text)
    assert (found["rights_reserved"], found["mining_reserved"]) == (rights, mining)
