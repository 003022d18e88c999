import pytest
from pydantic import ValidationError

from filters.dedup.config import DeduplicateConfig, KeepPreference, NearDuplicateConfig
from filters.dedup.lsh import BandShape


def test_lists_of_a_decoded_recipe_are_taken() -> None:
    config = DeduplicateConfig.model_validate(
        {
            "near": {"threshold": 0.7, "bands": 20, "rows": 5},
            "keep": [
                {"column": "tagger.quality", "prefer": "highest"},
                {"column": "content.chars", "prefer": "lowest"},
            ],
        }
    )
    assert config.near is not None
    assert config.near.band_shape() == BandShape(20, 5)
    assert config.keep[1] == KeepPreference(column="content.chars", prefer="lowest")


def test_bands_follow_the_threshold_when_not_given() -> None:
    low = NearDuplicateConfig(threshold=0.6).band_shape()
    high = NearDuplicateConfig(threshold=0.9).band_shape()
    assert low.rows < high.rows


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"near": {"threshold": 1.5}}, "less than or equal to 1"),
        ({"near": {"threshold": 0}}, "greater than 0"),
        ({"near": {"bands": 14}}, "both or neither"),
        ({"near": {"bands": 15, "rows": 8}}, r"bands \* rows = 120 exceeds permutations = 112"),
        ({"near": {"treshold": 0.8}}, "Extra inputs are not permitted"),
        ({"url": "yes"}, "valid boolean"),
        ({"keep": [{"column": "a b", "prefer": "highest"}]}, "should match pattern"),
        ({"keep": [{"column": "a.b"}]}, "takes either prefer"),
        ({"keep": [{"column": "source", "prefer": "highest", "order": ["a"]}]}, "takes either"),
        ({"keep": [{"column": "source", "order": ["a", "a"]}]}, "names a value twice"),
        ({"keep": [{"column": "a.b", "prefer": "largest"}]}, "'highest' or 'lowest'"),
        ({"keep": [{"column": "a.b", "prefer": p} for p in ("highest", "lowest")]}, "twice"),
    ],
)
def test_impossible_settings_are_refused(value: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DeduplicateConfig.model_validate(value)


def test_sketches_depend_only_on_what_changes_them() -> None:
    sketch = DeduplicateConfig().sketch_parameters()
    keep = (KeepPreference(column="a.b", prefer="highest"),)
    loose = NearDuplicateConfig(threshold=0.5, bands=7, rows=2)
    assert DeduplicateConfig(near=loose, keep=keep).sketch_parameters() == sketch
    other = NearDuplicateConfig(shingle_size=6)
    assert DeduplicateConfig(near=other).sketch_parameters() != sketch
