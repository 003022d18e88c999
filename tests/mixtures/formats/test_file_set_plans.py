"""Which window shards go into which files."""

from hypothesis import given
from hypothesis import strategies as st

from mixtures.formats.export import plan_by_component, plan_by_shard

LEDGERS = st.lists(
    st.dictionaries(st.sampled_from(["code", "text", "web"]), st.integers(0, 50)), max_size=12
)


@given(ledgers=LEDGERS, file_tokens=st.integers(1, 100))
def test_every_token_goes_into_one_file_of_its_component(ledgers, file_tokens) -> None:
    planned = plan_by_component(ledgers, "megatron", file_tokens=file_tokens)
    found = sorted((one.component, shard) for one in planned for shard in one.shards)
    assert found == sorted(
        (name, shard) for shard, ledger in enumerate(ledgers) for name in ledger if ledger[name]
    )
    assert len({one.name for one in planned}) == len(planned)
    for one in planned:
        assert list(one.shards) == sorted(one.shards)
        tokens = sum(ledgers[shard][one.component] for shard in one.shards)
        assert tokens <= file_tokens or len(one.shards) == 1


def test_files_are_filled_before_another_is_begun() -> None:
    ledgers = [{"code": 40}, {"code": 60, "text": 5}, {"code": 1}]
    planned = plan_by_component(ledgers, "olmo", file_tokens=100)
    assert [(one.name, one.shards) for one in planned] == [
        ("olmo/code/part-00000-of-00002", (0, 1)),
        ("olmo/code/part-00001-of-00002", (2,)),
        ("olmo/text/part-00000-of-00001", (1,)),
    ]


def test_windows_keep_a_file_for_each_shard() -> None:
    assert [(one.name, one.shards) for one in plan_by_shard(2, "mds")] == [
        ("mds/part-00000-of-00002", (0,)),
        ("mds/part-00001-of-00002", (1,)),
    ]
