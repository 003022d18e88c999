"""Configuration -> canonical JSON -> digest: the identity of a stage.

Two configurations with equal values have equal fingerprints, whatever order their keys were
written in; changing any value changes the fingerprint.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

IDENTITY_CHARS = 12
"""Hex characters of a stage identity in a path: 48 bits, unique among the runs of one folder."""


def canonical_json(value: object) -> str:
    """JSON of ``value`` with sorted keys, no spaces and no NaN.

    Accepts dataclasses, pydantic models, mappings, sequences, str, int, float, bool and None.
    Raises TypeError on anything else, so that a ``repr`` can never slip into a digest.
    """
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def fingerprint(value: object) -> str:
    """SHA-256 of :func:`canonical_json`, 64 hex characters."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _plain(value: object) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"a fingerprint needs string keys, got {list(value)!r}")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in value]
    raise TypeError(f"cannot fingerprint {type(value).__name__}: {value!r}")
