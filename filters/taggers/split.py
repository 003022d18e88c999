"""Which documents a tagger is tested on and never trained on: whole sites, by a hash."""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

HELD_OUT_DIVISOR = 3
"""One group in three is held out of training. A model is trained with one split: a change of it, or
of the hash, would evaluate older models on what they have seen."""

PACKAGE_PREFIX = "package/"
"""Begins the id of a page of a software package's documentation: ``package/NAME/...``."""

Document = Mapping[str, Any]
"""A row of a document file: at least ``id`` and ``text``, and ``url`` where there is one."""


def group_of(document: Document) -> str:
    """What must lie on one side of a split: a package's name, a host without ``www.``, or the id.

    The host is that of ``url``, or of an id that is an address. Pages of one site resemble each
    other, so a site that is on both sides would flatter a tagger.
    """
    name: str = document["id"]
    if name.startswith(PACKAGE_PREFIX):
        return name.removeprefix(PACKAGE_PREFIX).partition("/")[0]
    try:
        host = urlsplit(document.get("url") or name).hostname
    except ValueError:  # brackets that hold no address
        host = None
    return host.removeprefix("www.") if host else name


def is_held_out(group: str) -> bool:
    """Whether a group is kept for evaluation: one in HELD_OUT_DIVISOR, by a hash of its name."""
    digest = hashlib.blake2b(group.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return digest[0] % HELD_OUT_DIVISOR == 0
