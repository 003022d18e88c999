import dataclasses
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pipeline.fingerprint import canonical_json, fingerprint

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())
VALUES = st.recursive(
    SCALARS.filter(lambda value: value not in (math.inf, -math.inf)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CONFIGS = st.dictionaries(st.text(), VALUES, min_size=1, max_size=5)


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(list(value))}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


@given(CONFIGS)
def test_order_of_keys_does_not_matter(config):
    assert fingerprint(config) == fingerprint(reversed_keys(config))


@given(CONFIGS, st.data())
def test_any_changed_value_changes_it(config, data):
    key = data.draw(st.sampled_from(sorted(config)))
    value = data.draw(VALUES.filter(lambda new: canonical_json(new) != canonical_json(config[key])))
    assert fingerprint(config | {key: value}) != fingerprint(config)


@given(CONFIGS, st.text(), VALUES)
def test_an_added_key_changes_it(config, key, value):
    without = {name: item for name, item in config.items() if name != key}
    assert fingerprint(without | {key: value}) != fingerprint(without)


@given(st.lists(VALUES, min_size=2, max_size=4, unique_by=canonical_json))
def test_order_of_a_list_matters(items):
    assert fingerprint(items) != fingerprint(items[::-1])


def test_true_one_and_the_text_one_differ():
    assert len({fingerprint(value) for value in (True, 1, "1", [1], {"1": 1}, None, "null")}) == 7


@dataclasses.dataclass
class Limits:
    seconds: float
    bytes: int


class Model(BaseModel):
    limits: tuple[float, int]
    name: str


def test_every_field_of_a_dataclass_counts():
    one = Limits(seconds=1.0, bytes=2)
    for field, value in (("seconds", 1.5), ("bytes", 3)):
        assert fingerprint(dataclasses.replace(one, **{field: value})) != fingerprint(one)
    assert canonical_json(one) == '{"bytes":2,"seconds":1.0}'


def test_models_and_tuples_are_read_as_mappings_and_lists():
    model = Model(limits=(1.5, 2), name="a")
    assert fingerprint(model) == fingerprint({"name": "a", "limits": [1.5, 2]})


@pytest.mark.parametrize(
    "junk", [object(), {1, 2}, b"bytes", Path("a"), len, Limits, {"a": [object()]}]
)
def test_what_has_only_a_repr_is_refused(junk):
    with pytest.raises(TypeError, match="cannot fingerprint"):
        fingerprint(junk)


def test_a_key_that_is_no_string_is_refused():
    with pytest.raises(TypeError, match="needs string keys"):
        fingerprint({1: "a"})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_cannot_say_is_refused(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        fingerprint({"ratio": number})
