"""Licences in addresses, and in the text of files."""

import pytest

from pipeline.storage.licenses import class_of, find_notice, spdx_of_url


@pytest.mark.parametrize(
    ("address", "spdx"),
    [
        ("https://creativecommons.org/licenses/by-sa/4.0/deed.de", "CC-BY-SA-4.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://example.org/terms", "https://example.org/terms"),
    ],
)
def test_creative_commons_addresses_are_spdx_ids(address: str, spdx: str) -> None:
    assert spdx_of_url(address) == spdx


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# SPDX-License-Identifier: Apache-2.0\n", ("Apache-2.0", "permissive")),
        ("/* SPDX-License-Identifier: GPL-2.0-only */", ("GPL-2.0-only", "copyleft")),
        ("Permission is hereby granted, free of charge, to any person", ("MIT", "permissive")),
        ("under the GNU General Public License", ("GPL-2.0-or-later", "copyleft")),
        ("Proprietary and confidential.", (None, "none")),
        ("import os\n", (None, "unknown")),
    ],
)
def test_a_notice_names_the_licence_and_its_class(
    text: str, expected: tuple[str | None, str]
) -> None:
    assert find_notice(text) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT OR GPL-3.0-only", "permissive"),
        ("MIT AND GPL-3.0-only", "copyleft"),
        ("GPL-2.0-only WITH Linux-syscall-note", "copyleft"),
        ("CC-BY-NC-4.0", "copyleft"),
        ("CC-BY-4.0", "permissive"),
        ("LicenseRef-Ours", "unknown"),
    ],
)
def test_an_expression_has_one_class(expression: str, expected: str) -> None:
    assert class_of(expression) == expected
