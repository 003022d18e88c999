"""Recognises licences in addresses and in the text of files, and sorts them by what they permit.

The classes are Blue Oak's and the Open Source Initiative's common ground: ``permissive`` (keep the
notice), ``copyleft`` (share alike, weak or strong), ``none`` (rights reserved in so many words) and
``unknown`` (nothing said).
"""

import re
from collections.abc import Iterable
from typing import Literal

LicenseClass = Literal["permissive", "copyleft", "none", "unknown"]

CREATIVE_COMMONS = re.compile(
    r"creativecommons\.org/(?:licenses/(by(?:-nc)?(?:-nd|-sa)?)/(\d\.\d)"
    r"|publicdomain/(zero|mark)/(1\.0))",
    re.IGNORECASE,
)

PERMISSIVE = re.compile(
    r"^(?:0BSD|AFL-|Apache-|Artistic-2|BlueOak-|BSD-|BSL-1|CC0-|CC-BY-\d|CC-PDM-|curl"
    r"|ECL-2|FTL|HPND|ICU|ISC|JSON|libpng|libtiff|MIT|MIT-0|MS-PL|NCSA|NTP|OpenSSL|PHP-|PostgreSQL|PSF-|Python-"
    r"|Ruby|SGI-B|TCL|Unicode-|Unlicense|UPL-|W3C|WTFPL|X11|Zlib|ZPL-)",
    re.IGNORECASE,
)
COPYLEFT = re.compile(
    r"^(?:AGPL-|APSL-|CC-BY-SA-|CDDL-|CECILL-|CPL-|EPL-|EUPL-|GFDL-|GPL-|LGPL-|LPPL-|MPL-|MS-RL"
    r"|ODbL-|OFL-|OSL-|QPL-|RPL-|Sleepycat|SSPL-|CC-BY-NC)",
    re.IGNORECASE,
)
"""Share-alike licences, and those that forbid commerce: neither is permissive."""

SPDX_TAG = re.compile(r"SPDX-License-Identifier:\s*([\w.+() -]{2,120})")
NOTICES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), spdx)
    for pattern, spdx in (
        (r"GNU Affero General Public License", "AGPL-3.0-or-later"),
        (r"GNU (?:Lesser|Library) General Public License", "LGPL-2.1-or-later"),
        (r"GNU General Public License|under the terms of the GPL\b", "GPL-2.0-or-later"),
        (r"Mozilla Public License,?\s*(?:v\.|version)?\s*2", "MPL-2.0"),
        (r"Eclipse Public License", "EPL-2.0"),
        (r"LaTeX Project Public License", "LPPL-1.3c"),
        (r"Apache License,?\s*Version 2\.0|apache\.org/licenses/LICENSE-2\.0", "Apache-2.0"),
        (r"Permission is hereby granted, free of charge", "MIT"),
        (r"\bMIT[- ]licen[sc]ed?\b|licen[sc]ed? under (?:the )?MIT\b|\bMIT License\b", "MIT"),
        (r"Permission to use, copy, modify, and(?:/or)? distribute this software", "ISC"),
        (r"Redistribution and use in source and binary forms", "BSD-3-Clause"),
        (r"\bBSD[- ](?:3-clause |2-clause )?(?:style )?licen[sc]e\b", "BSD-3-Clause"),
        (r"Boost Software License", "BSL-1.0"),
        (r"This software is provided 'as-is', without any express", "Zlib"),
        (r"free and unencumbered software released into the public domain", "Unlicense"),
    )
)
"""Phrases of licences and of the notices that refer to them, the stricter first."""

RESERVED = re.compile(
    r"proprietary and confidential|\bUNLICENSED\b|unauthorized copying|do not (?:re)?distribute",
    re.IGNORECASE,
)
LICENSE_FILE = re.compile(
    r"(?:[^/]+/|.+@v[^/]+/)?(?:(?:UN)?LICEN[CS]E|COPYING|COPYRIGHT)(?:[-._](?:MIT|APACHE|BSD|LESSER|[\d.]+|txt|md|rst))*$",
    re.IGNORECASE,
)
LICENSE_FILE_BYTES = 1 << 16
"""Read of a licence file: the longest in use, the GNU GPL, has 35 kB."""

SCANNED_CHARS = 6000
"""Where a notice stands in a source file; the MIT licence in full is 1,100 characters long."""


def is_license_file(member: str) -> bool:
    """Whether a tree's file states the licence of the whole: LICENSE, COPYING... at its root.

    One folder down counts too, for archives that wrap their tree in one, and so does the root of
    a Go module, whose archives wrap it in its whole path.
    """
    return LICENSE_FILE.match(member) is not None


def license_of_tree(texts: Iterable[str]) -> str | None:
    """The SPDX expression of a tree from the texts of its licence files; None if none is known.

    Several known licences are a choice, as in Rust's usual pair of files.
    """
    known = {spdx for text in texts if (spdx := find_notice(text)[0]) is not None}
    return " OR ".join(sorted(known)) or None


def spdx_of_url(address: str) -> str:
    """The SPDX id of a Creative Commons address; any other address as it is."""
    return find_creative_commons(address) or address


def find_creative_commons(text: str) -> str | None:
    """The SPDX id of the first Creative Commons address in ``text``."""
    match = CREATIVE_COMMONS.search(text)
    if match is None:
        return None
    kind, version, dedication, dedication_version = match.groups()
    if kind:
        return f"CC-{kind.upper()}-{version}"
    name = "CC0" if dedication.lower() == "zero" else "CC-PDM"
    return f"{name}-{dedication_version}"


def find_notice(text: str) -> tuple[str | None, LicenseClass]:
    """The licence that a file states at its beginning: ``(SPDX id or expression, class)``.

    A notice in words names no exact version, so its id is the licence's usual one.
    """
    head = text[:SCANNED_CHARS]
    if tag := SPDX_TAG.search(head):
        expression = tag.group(1).strip(" -*/").removesuffix("*/").strip()
        return expression, class_of(expression)
    for pattern, spdx in NOTICES:
        if pattern.search(head):
            return spdx, class_of(spdx)
    return None, "none" if RESERVED.search(head) else "unknown"


def class_of(expression: str) -> LicenseClass:
    """The class of an SPDX id or expression: the best of an OR, the worst of an AND."""
    if re.search(r"\sOR\s", expression):
        parts = re.split(r"\sOR\s", expression)
        classes = [class_of(part.strip("() ")) for part in parts]
        return min(classes, key=_ORDER.index)
    if re.search(r"\sAND\s", expression):
        parts = re.split(r"\sAND\s", expression)
        return max((class_of(part.strip("() ")) for part in parts), key=_ORDER.index)
    license_id = re.split(r"\sWITH\s", expression)[0].strip("() ")
    if (
        license_id.upper() in ("NONE", "NOASSERTION", "UNLICENSED")
        or "proprietary" in license_id.lower()
    ):
        return "none"
    if COPYLEFT.match(license_id):
        return "copyleft"
    return "permissive" if PERMISSIVE.match(license_id) else "unknown"


_ORDER: tuple[LicenseClass, ...] = ("permissive", "copyleft", "none", "unknown")
