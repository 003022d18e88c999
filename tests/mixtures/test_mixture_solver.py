import dataclasses
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.solution import MixtureSolution, StageSolution
from mixtures.solver import solve
from mixtures.spec import MixtureConfig
from mixtures.supply import measure_supply
from pipeline.errors import InfeasibleError, InvariantError
from tests.mixtures.corpora import corpus, mixture, stage


def solved(config: MixtureConfig, **sources: list[int]) -> MixtureSolution:
    documents = corpus(**sources)
    supply = measure_supply(
        documents.columns, config, ids=documents.ids, num_tokens=pa.array(documents.num_tokens)
    )
    return solve(config, supply)


def only(solution: MixtureSolution) -> StageSolution:
    [of_stage] = solution.stages
    return of_stage


def test_budget_is_split_by_weight_and_taken_down_to_whole_windows() -> None:
    of_stage = only(
        solved(mixture(stage(budget_tokens=1_000, web=75, code=25)), web=[10] * 90, code=[10] * 90)
    )
    assert of_stage.budget_tokens == 960  # 15 windows of 64
    assert [c.target_tokens for c in of_stage.components] == [720, 240]
    assert [c.expected_tokens for c in of_stage.components] == [720, 240]


def test_copies_are_whole_for_all_and_one_more_for_some() -> None:
    [component] = only(
        solved(mixture(stage(budget_tokens=2_560, web=100)), web=[10] * 100)
    ).components
    assert component.whole_copies == 2
    assert component.expected_tokens == 2_560
    assert component.epochs == pytest.approx(2.56)


def test_without_budget_the_scarcest_component_decides() -> None:
    of_stage = only(
        solved(
            mixture(stage(web={"weight": 50}, code={"weight": 50, "max_epochs": 2.0})),
            web=[10] * 1000,
            code=[10] * 64,
        )
    )
    assert of_stage.budget_tokens == 2_560  # 640 tokens, twice, are half of it
    web, code = of_stage.components
    assert (code.whole_copies, code.expected_tokens) == (2, 1_280)
    assert (web.whole_copies, web.expected_tokens) == (0, 1_280)


def test_stages_are_solved_side_by_side() -> None:
    config = mixture(
        stage("one", budget_tokens=640, web=100), stage("two", web={"weight": 100, "max_epochs": 1})
    )
    solution = solved(config, web=[10] * 100)
    assert [s.budget_tokens for s in solution.stages] == [640, 960]
    assert solution.stage("two").sequence_tokens == 64


def test_absent_optional_component_cedes_its_share() -> None:
    config = mixture(
        stage(budget_tokens=640, web=60, code=20, synthetic={"weight": 20, "is_optional": True})
    )
    web, code, synthetic = only(solved(config, web=[10] * 90, code=[10] * 90)).components
    assert [c.target_tokens for c in (web, code, synthetic)] == [480, 160, 0]
    assert synthetic.is_absent
    assert synthetic.epochs == 0


def test_present_optional_component_keeps_its_share() -> None:
    config = mixture(
        stage(budget_tokens=640, web=75, synthetic={"weight": 25, "is_optional": True})
    )
    assert (
        only(solved(config, web=[10] * 90, synthetic=[10] * 90)).components[1].target_tokens == 160
    )


def test_shortage_names_component_tokens_and_largest_budget() -> None:
    config = mixture(stage(budget_tokens=6_400, web=50, code={"weight": 50, "max_epochs": 2}))
    with pytest.raises(InfeasibleError) as caught:
        solved(config, web=[10] * 1000, code=[10] * 100)
    message = str(caught.value)
    assert "stage 'one': component 'code' must give 3,200 tokens (50% of 6,400)" in message
    assert "100 documents of 1,000 tokens give 2,000 at max_epochs 2: 1,200 tokens short" in message
    assert "lower budget_tokens to 3,968" in message
    assert "'web'" not in message
    lower = mixture(stage(budget_tokens=3_968, web=50, code={"weight": 50, "max_epochs": 2}))
    solved(lower, web=[10] * 1000, code=[10] * 100)


def test_every_shortage_is_named() -> None:
    config = mixture(
        stage("one", budget_tokens=64_000, web=50, code=50),
        stage("two", budget_tokens=64_000, web=100),
    )
    with pytest.raises(InfeasibleError) as caught:
        solved(config, web=[10] * 10, code=[10] * 10)
    assert str(caught.value).count("tokens short") == 3


def test_missing_component_is_named() -> None:
    with pytest.raises(InfeasibleError, match="'code' must give 320 tokens but no document"):
        solved(mixture(stage(budget_tokens=640, web=50, code=50)), web=[10] * 90)
    with pytest.raises(InfeasibleError, match="'code' must give 50% of the stage but no document"):
        solved(mixture(stage(web=50, code=50)), web=[10] * 90)


def test_stage_without_any_document_is_named() -> None:
    only_optional = {"weight": 100, "is_optional": True}
    with pytest.raises(InfeasibleError, match="stage 'one': no component has a document"):
        solved(mixture(stage(synthetic=only_optional)))


def test_budget_below_a_window_is_kept() -> None:
    assert (
        only(solved(mixture(stage(web={"weight": 100, "max_epochs": 1})), web=[30])).budget_tokens
        == 30
    )


def test_budgets_of_trillions_are_met_exactly() -> None:
    documents = corpus(web=[10**9] * 4000, code=[10**9] * 1000)
    config = mixture(
        stage(
            sequence_tokens=8192, budget_tokens=10**13, web=30, code={"weight": 70, "max_epochs": 7}
        )
    )
    supply = measure_supply(
        documents.columns, config, ids=documents.ids, num_tokens=pa.array(documents.num_tokens)
    )
    of_stage = only(solve(config, supply))
    assert sum(c.target_tokens for c in of_stage.components) == of_stage.budget_tokens
    assert 10**13 - of_stage.budget_tokens < 8192
    bigger = stage(
        sequence_tokens=8192,
        budget_tokens=10**13 + 10**9,
        web=30,
        code={"weight": 70, "max_epochs": 7},
    )
    with pytest.raises(InfeasibleError, match="short"):
        solve(mixture(bigger), supply)


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=60),
    st.lists(st.integers(1, 300), min_size=1, max_size=60),
    st.integers(1, 99),
    st.sampled_from([0.5, 1.0, 2.5, 4.0]),
)
def test_solution_keeps_weights_caps_and_budget(
    web: list[int], code: list[int], percent: int, max_epochs: float
) -> None:
    config = mixture(
        stage(
            web={"weight": percent, "max_epochs": max_epochs},
            code={"weight": 100 - percent, "max_epochs": max_epochs},
        )
    )
    of_stage = only(solved(config, web=web, code=code))
    assert sum(c.target_tokens for c in of_stage.components) == of_stage.budget_tokens
    assert of_stage.budget_tokens < 64 or of_stage.budget_tokens % 64 == 0
    for component, share in zip(of_stage.components, (percent, 100 - percent), strict=True):
        assert abs(component.target_tokens - of_stage.budget_tokens * share / 100) <= 1
        assert component.expected_tokens <= max_epochs * component.supply_tokens
        assert abs(component.target_tokens - component.expected_tokens) < 450  # 1.5 documents
    assert 0 <= of_stage.budget_tokens - of_stage.expected_tokens < 300
    binding = max(
        share / 100 / (max_epochs * sum(lengths))
        for lengths, share in ((web, percent), (code, 100 - percent))
    )
    assert 1 / binding - of_stage.budget_tokens < 65  # no window more would fit


@given(
    st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=20), min_size=1, max_size=5),
    st.data(),
)
def test_any_number_of_components_stays_within_the_budget(
    supplies: list[list[int]], data: st.DataObject
) -> None:
    cuts = data.draw(
        st.sets(st.integers(1, 99), min_size=len(supplies) - 1, max_size=len(supplies) - 1)
    )
    bounds = [0, *sorted(cuts), 100]
    weights = [high - low for low, high in pairwise(bounds)]
    names = [f"c{number}" for number in range(len(supplies))]
    solution = solved(
        mixture(stage(**dict(zip(names, weights, strict=True)))),
        **dict(zip(names, supplies, strict=True)),
    )
    of_stage = only(solution)
    assert of_stage.expected_tokens <= of_stage.budget_tokens
    for component, lengths in zip(of_stage.components, supplies, strict=True):
        assert 0 <= component.expected_tokens <= 4 * sum(lengths)


def test_scarce_component_of_few_documents_is_used_up_rather_than_cut_by_one() -> None:
    config = mixture(stage(web=90, synthetic={"weight": 10, "max_epochs": 4}))
    of_stage = only(solved(config, web=[50] * 5_000, synthetic=[5_001, 4_003, 6_007]))
    web, synthetic = of_stage.components
    assert synthetic.target_tokens < synthetic.expected_tokens == 4 * 15_011
    assert web.expected_tokens < web.target_tokens
    assert 0 <= of_stage.budget_tokens - of_stage.expected_tokens < 50


def test_solution_survives_json() -> None:
    solution = solved(mixture(stage(web=60, code=40)), web=[10, 35, 200], code=[70] * 9)
    assert MixtureSolution.from_json(solution.to_json()) == solution


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seed": 1, "stages": [{"name": "a"}]}'])
def test_foreign_solution_is_refused(text: str) -> None:
    with pytest.raises(InvariantError, match="not a mixture solution"):
        MixtureSolution.from_json(text)


def test_table_states_shares_in_tokens() -> None:
    solution = solved(
        mixture(stage(budget_tokens=640, web=75, code=25)), web=[10] * 90, code=[10] * 90
    )
    rows = solution.table()
    assert [row["component"] for row in rows] == ["web", "code"]
    assert [row["expected_percent"] for row in rows] == [75, 25]
    assert dataclasses.is_dataclass(solution)
