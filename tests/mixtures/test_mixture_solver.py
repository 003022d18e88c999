import dataclasses
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.solution import MixtureSolution, StageSolution
from mixtures.spec import MixtureConfig
from pipeline.errors import InfeasibleError, InvariantError
from tests.mixtures.corpora import corpus, drawn, mixture, solve_for, stage, with_column


def solved(config: MixtureConfig, **sources: list[int]) -> MixtureSolution:
    return solve_for(corpus(**sources), config)


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
    assert component.max_copies == 3
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
    assert (code.max_copies, code.expected_tokens) == (2, 1_280)
    assert (web.max_copies, web.expected_tokens) == (1, 1_280)


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
        stage(sequence_tokens=8192, budget_tokens=10**13, web=30, code=70),
        repetition=[{"max_epochs": 7}],
    )
    of_stage = only(solve_for(documents, config))
    assert sum(c.target_tokens for c in of_stage.components) == of_stage.budget_tokens
    assert 10**13 - of_stage.budget_tokens < 8192
    bigger = stage(sequence_tokens=8192, budget_tokens=10**13 + 10**9, web=30, code=70)
    with pytest.raises(InfeasibleError, match="short"):
        solve_for(documents, mixture(bigger, repetition=[{"max_epochs": 7}]))


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


def test_repetition_counts_over_all_stages() -> None:
    config = mixture(
        stage("one", budget_tokens=1_280, web=100), stage("two", budget_tokens=1_280, web=100)
    )
    solved(config, web=[10] * 64)  # 4 epochs in all
    with pytest.raises(InfeasibleError) as caught:
        solved(config, web=[10] * 60)
    message = str(caught.value)
    assert "give" in message
    assert "max_epochs 4 of repetition rule 1, over all stages, beside" in message
    assert "160 tokens short" in message


def test_stages_without_a_budget_share_what_repetition_allows() -> None:
    config = mixture(stage("one", web=100), stage("two", web=50, code=50))
    one, two = solved(config, web=[10] * 640, code=[10] * 640).stages
    # Alone they could have 25,600 and 51,200, each with all of web: they get half of that.
    assert (one.budget_tokens, two.budget_tokens) == (12_800, 25_600)


def test_budgets_in_percent_share_the_run() -> None:
    config = mixture(
        stage("one", fields={"budget_percent": 75}, web=100),
        stage("two", fields={"budget_percent": 25}, web=50, code=50),
    )
    one, two = solved(config, web=[10] * 640, code=[10] * 6_400).stages
    assert one.budget_tokens == pytest.approx(3 * two.budget_tokens, abs=3 * 64)
    web = one.components[0].expected_tokens + two.components[0].expected_tokens
    assert web == pytest.approx(4 * 6_400, abs=128)


def test_first_matching_rule_caps_repetition() -> None:
    config = mixture(
        stage(web=50, synthetic=50),
        repetition=[
            {"where": [{"column": "source", "allowed": ["synthetic"]}], "max_epochs": 100},
            {"max_epochs": 2},
        ],
    )
    web, synthetic = only(solved(config, web=[10] * 640, synthetic=[10] * 64)).components
    assert (web.max_copies, synthetic.max_copies) == (2, 20)


def test_tokens_epochs_and_percent_make_up_a_stage() -> None:
    config = mixture(
        stage(web={"weight": 50}, code={"tokens": 3_200}, papers={"epochs": 2}),
    )
    of_stage = only(solved(config, web=[10] * 1000, code=[10] * 1000, papers=[10] * 160))
    assert [c.target_tokens for c in of_stage.components] == [6_400, 3_200, 3_200]
    assert of_stage.components[2].max_copies == 2


def test_amounts_beyond_the_budget_are_named() -> None:
    config = mixture(stage(budget_tokens=3_200, web={"tokens": 3_000}, code={"tokens": 1_000}))
    with pytest.raises(InfeasibleError, match="ask for 4,000 tokens, 800 more than its budget"):
        solved(config, web=[10] * 1000, code=[10] * 1000)


def test_amounts_below_the_budget_are_named() -> None:
    config = mixture(stage(budget_tokens=3_200, web={"tokens": 1_000}, code={"tokens": 1_000}))
    with pytest.raises(InfeasibleError, match=r"give 2,000 of the 3,200 tokens.*1,200 tokens"):
        solved(config, web=[10] * 1000, code=[10] * 1000)


def test_components_without_an_amount_share_the_rest_by_supply() -> None:
    config = mixture(stage(budget_tokens=6_400, web=60, code={}, papers={}))
    of_stage = only(solved(config, web=[10] * 640, code=[10] * 300, papers=[10] * 100))
    assert [c.target_tokens for c in of_stage.components] == [3_840, 1_920, 640]


@pytest.mark.parametrize(
    ("temperature", "parts"), [(1.0, [5_760, 640]), (2.0, [4_800, 1_600]), (100.0, [3_235, 3_165])]
)
def test_temperature_flattens_the_shares(temperature: float, parts: list[int]) -> None:
    config = mixture(
        stage(budget_tokens=6_400, fields={"temperature": temperature}, web={}, code={})
    )
    of_stage = only(solved(config, web=[10] * 900, code=[10] * 100))
    assert [c.target_tokens for c in of_stage.components] == pytest.approx(parts, abs=1)


def test_floors_and_caps_bend_the_shares() -> None:
    floors = mixture(
        stage(budget_tokens=6_400, web={"max_percent": 60}, code={"min_percent": 30}, papers={})
    )
    of_stage = only(solved(floors, web=[10] * 900, code=[10] * 50, papers=[10] * 50))
    assert [c.target_tokens for c in of_stage.components] == [3_840, 1_920, 640]


def test_limit_of_several_components_is_kept() -> None:
    """MiMo's second stage: mathematics and code are 70%, however they divide it."""
    config = mixture(
        stage(
            budget_tokens=6_400,
            fields={"limits": [{"components": ["maths", "code"], "min_percent": 70}]},
            maths={},
            code={},
            web={},
        )
    )
    maths, code, web = only(
        solved(config, maths=[10] * 200, code=[10] * 600, web=[10] * 1200)
    ).components
    assert maths.target_tokens + code.target_tokens == 4_480
    assert web.target_tokens == 1_920
    assert maths.target_tokens < code.target_tokens


def test_limit_that_cannot_be_met_is_named() -> None:
    config = mixture(
        stage(
            budget_tokens=6_400,
            fields={"limits": [{"components": ["maths"], "min_percent": 70}]},
            maths={},
            web={},
        )
    )
    with pytest.raises(
        InfeasibleError, match=r"maths must be at least 70% of 6,400 tokens, but come to 4,000: 480"
    ):
        solved(config, maths=[10] * 100, web=[10] * 1000)


def test_fresh_documents_that_are_used_up_are_named() -> None:
    config = mixture(
        stage("one", budget_tokens=6_400, web=100),
        stage("two", budget_tokens=6_400, web={"weight": 100, "is_fresh": True}),
    )
    with pytest.raises(InfeasibleError, match="is_fresh, over all stages, beside one"):
        solved(config, web=[10] * 1000)


def test_share_missed_because_documents_come_whole_is_named() -> None:
    config = mixture(stage(budget_tokens=640, web=50, code=50), max_share_error_percent=0.25)
    with pytest.raises(InfeasibleError, match=r"code come to .* because documents come whole"):
        solved(config, web=[10] * 100, code=[300])


def test_component_dropped_whole_by_its_curve_is_named() -> None:
    curve = {
        "column": "score",
        "scale": "value",
        "bands": [{"factor": 0}, {"min": 0.5, "factor": 1}],
    }
    documents = with_column(corpus(web=[10] * 9), "score", pa.array([0.1] * 9))
    config = mixture(stage(web={"weight": 100, "upsample": [curve]}))
    with pytest.raises(InfeasibleError, match="no component has a document"):
        solve_for(documents, config)


def test_dropped_documents_are_counted() -> None:
    curve = {
        "column": "score",
        "scale": "value",
        "bands": [{"factor": 0}, {"min": 0.5, "factor": 1}],
    }
    documents = with_column(corpus(web=[10] * 100), "score", pa.array([0.1, 0.9] * 50))
    config = mixture(stage(web={"weight": 100, "upsample": [curve]}))
    of_stage = only(solve_for(documents, config))
    assert of_stage.components[0].dropped_documents == 50
    assert (of_stage.budget_tokens, of_stage.expected_tokens) == (1_984, 1_980)


def test_expected_tokens_are_what_any_stage_draws() -> None:
    documents = corpus(web=[7, 30, 11] * 50, code=[90, 4] * 50)
    config = mixture(
        stage("one", web=60, code=40), stage("two", web=20, code={"weight": 80, "max_epochs": 2})
    )
    solution = solve_for(documents, config)
    for of_stage in solution.stages:
        sampled = drawn(documents, config, solution, of_stage.name)
        tokens = documents.num_tokens[sampled.row]
        for number, component in enumerate(of_stage.components):
            assert tokens[sampled.component == number].sum() == component.expected_tokens


def test_a_small_stage_beside_one_of_trillions_is_solved_as_exactly() -> None:
    documents = corpus(web=[10**9] * 4000, notes=[1_000] * 500)
    config = mixture(
        stage("large", sequence_tokens=8192, budget_tokens=10**12, web=100),
        stage("small", budget_tokens=64_000, notes={"tokens": 64_000}, web={}),
    )
    small = solve_for(documents, config).stage("small")
    assert [c.target_tokens for c in small.components] == [64_000, 0]
    assert small.expected_tokens == 64_000
