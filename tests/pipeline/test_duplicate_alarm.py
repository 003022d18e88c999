"""A source that is mostly duplicates stops the run, and says where to look and what to change."""

import re
from fractions import Fraction
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.config import DeduplicateConfig
from pipeline.duplicate_alarm import check_duplicate_ratios, check_ratio_sources
from pipeline.errors import ConfigError, DuplicateRatioError
from pipeline.records.manifest import Counts, Manifest


def marks(**sources: dict[str, int]) -> Manifest:
    rows = sum(sum(kinds.values()) for kinds in sources.values())
    counts = Counts(rows, rows, 0, 0)
    return Manifest("deduplicate", 1, "abc", {}, {}, counts, {}, {"dedup": sources})


def said(manifest: Manifest, **settings: Any) -> str:
    with pytest.raises(DuplicateRatioError) as raised:
        check_duplicate_ratios(manifest, DeduplicateConfig(**settings))
    return str(raised.value)


def test_the_message_names_every_source_above_its_limit_and_no_other() -> None:
    manifest = marks(
        web={"none": 1_000, "near": 20_000, "exact": 3_000},
        papers={"none": 98, "url": 2},
        forum={"none": 1, "near": 3},
    )
    message = said(manifest, max_duplicate_ratio_of={"forum": 0.5})
    assert (
        "web: 23,000 of 24,000 documents are duplicates (near 20,000, exact 3,000), 95.83%; "
        "allowed are 90.00%" in message
    )
    assert "forum: 3 of 4 documents are duplicates (near 3), 75.00%; allowed are 50.00%" in message
    assert "papers" not in message
    assert message.startswith("too many duplicates, 2 of 3 sources above")


def test_the_message_says_where_to_look_and_what_to_change() -> None:
    message = said(marks(web={"none": 1, "near": 30}))
    assert "reasonmill stats RUN" in message
    assert "deduplicate.near.threshold" in message
    assert "deduplicate.url" not in message, "no address was shared"
    assert "deduplicate.url: false" in said(marks(web={"none": 1, "url": 30}))


@given(
    st.dictionaries(
        st.sampled_from(["web", "papers", "code"]),
        st.dictionaries(st.sampled_from(["none", "url", "exact", "near"]), st.integers(0, 10**6)),
    )
)
def test_the_limits_that_the_message_proposes_are_enough(
    sources: dict[str, dict[str, int]],
) -> None:
    manifest = marks(**sources)
    try:
        check_duplicate_ratios(manifest, DeduplicateConfig(max_duplicate_ratio=0.25))
    except DuplicateRatioError as error:
        proposed = re.search(r"max_duplicate_ratio_of: (\{.*\})", str(error))
        assert proposed is not None
        limits = yaml.safe_load(proposed[1])
        changed = DeduplicateConfig(max_duplicate_ratio=0.25, max_duplicate_ratio_of=limits)
        check_duplicate_ratios(manifest, changed)


@given(st.integers(0, 100), st.integers(1, 50))
def test_a_share_equal_to_the_limit_is_allowed_and_one_document_more_is_not(
    hundredths: int, scale: int
) -> None:
    documents = 100 * scale
    allowed = hundredths * scale
    limit = float(Fraction(hundredths, 100))
    config = DeduplicateConfig(max_duplicate_ratio=limit)
    check_duplicate_ratios(marks(web={"near": allowed, "none": documents - allowed}), config)
    if allowed < documents:
        with pytest.raises(DuplicateRatioError):
            check_duplicate_ratios(
                marks(web={"near": allowed + 1, "none": documents - allowed - 1}), config
            )


def test_a_limit_of_all_never_stops_a_run_and_neither_does_a_source_without_documents() -> None:
    config = DeduplicateConfig(max_duplicate_ratio=0, max_duplicate_ratio_of={"web": 1})
    check_duplicate_ratios(marks(web={"near": 7}, empty={}, other={"none": 3}), config)
    check_duplicate_ratios(marks(), config)


def test_a_limit_for_what_is_no_source_is_refused() -> None:
    config = DeduplicateConfig(max_duplicate_ratio_of={"web": 0.5, "wbe": 0.5})
    with pytest.raises(ConfigError) as raised:
        check_ratio_sources(config, ["web", "papers"])
    assert str(raised.value) == (
        "deduplicate.max_duplicate_ratio_of.wbe: 'wbe' is no source of the recipe; there are "
        "papers, web"
    )
    check_ratio_sources(config, ["wbe", "web", "papers"])
