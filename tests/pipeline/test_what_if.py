"""What another rule would keep, against a run's own tables."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.rule import DecideConfig, Rule, decide
from mixtures.stage_files import RUN_NAME
from pipeline.cli import EXIT_REFUSED, main
from pipeline.errors import ConfigError
from pipeline.records.manifest import Counts, Manifest
from pipeline.run import RunRecord
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.rank_clusters import MARKS
from pipeline.what_if import Answer, answer_what_if
from pipeline.what_if_conditions import Condition, replace_rules
from tests.support.tables import write_output

ROWS = [
    # id, source, words, score, lang, rank, cluster size, tokens
    ("a", "web", 10, 0.1, "en", 0, 1, 100),
    ("b", "web", 50, 0.3, "de", 0, 3, 200),
    ("c", "web", 90, 0.9, None, 1, 3, None),
    ("d", "web", 60, None, "fr", 0, 1, 300),
    ("e", "code", 5, None, None, 0, 1, 400),
    ("f", "code", 80, 0.5, "en", 2, 4, None),
    ("g", "web", 2, 0.8, "en", 0, 1, None),
]
RULES = [
    Rule(column="dedup.rank", max=0),
    Rule(column="prose.words", min=5, sources=["web"], when_null="keep"),
]


@pytest.fixture
def run(tmp_path: Path) -> str:
    """A run of two shards that came as far as its tokens."""
    return made_run(tmp_path, with_tokens=True)


def made_run(folder: Path, *, with_tokens: bool) -> str:
    stages: list[tuple[str, str, list[pa.RecordBatch], dict[str, Any]]] = []
    shards = [ROWS[:4], ROWS[4:]]

    def batches(**columns: tuple[int, pa.DataType]) -> list[pa.RecordBatch]:
        return [
            pa.record_batch(
                {
                    "id": [row[0] for row in rows],
                    "source": [row[1] for row in rows],
                    **{
                        name.replace("__", "."): pa.array([row[at] for row in rows], kind)
                        for name, (at, kind) in columns.items()
                    },
                }
            )
            for rows in shards
        ]

    measures = batches(
        prose__words=(2, pa.int32()),
        quality__score=(3, pa.float32()),
        language__code=(4, pa.string()),
    )
    flags = [batch.append_column("is_annotated", pa.repeat(True, len(batch))) for batch in measures]
    stages.append(("annotate", MEASURES, flags, {}))
    marks = batches(dedup__rank=(5, pa.int32()), dedup__cluster_size=(6, pa.int32()))
    stages.append(("deduplicate", MARKS, marks, {}))
    rules = DecideConfig(rules=RULES)
    stages.append(("decide", "kept", [], rules.model_dump(mode="json")))
    if with_tokens:
        tokens = [
            batch.filter(batch.column("num_tokens").is_valid())
            for batch in batches(num_tokens=(7, pa.int32()))
        ]
        stages.append(("tokenize", "tokens", tokens, {}))
    for name, output, tables, config in stages:
        stage = StageFolder.of(str(folder), name, "id")
        entries = write_output(stage, output, tables)
        counts = Counts(len(ROWS), len(ROWS), 0, 0)
        stage.write_manifest(Manifest(name, 1, "id", config, {}, counts, {output: entries}))
    names = tuple((name, "id") for name, *_ in stages)
    (folder / RUN_NAME).write_text(RunRecord("demo", names, ()).to_json())
    return str(folder)


def answered(run: str, *conditions: str) -> Answer:
    return answer_what_if(run, [Condition.parse(text) for text in conditions])


def ids(examples: list[tuple[str, dict[str, object]]]) -> list[str]:
    return [name for name, _ in examples]


@pytest.mark.parametrize(
    ("condition", "lost", "gained"),
    [
        ("prose.words>=50", "a", ""),
        ("prose.words>50", "ab", ""),
        ("prose.words>=1", "", "g"),
        ("prose.words<60", "d", ""),
        ("prose.words<=60", "", ""),
        ("prose.words==50", "ad", ""),
        ("prose.words!=50", "b", "g"),
        ("prose.words in 10|60", "b", ""),
        ("quality.score>=0.3", "ade", ""),
        ("quality.score>0.3", "abde", ""),
        ("language.code==en", "bde", ""),
        ("language.code!=de", "be", ""),
        ("language.code in en|de", "de", ""),
        ("dedup.rank<=1", "", "c"),
        (" dedup.rank  <  3 ", "", "cf"),
    ],
)
def test_a_condition_loses_and_gains_what_it_says(
    run: str, condition: str, lost: str, gained: str
) -> None:
    answer = answered(run, condition)
    assert ids(answer.lost) == list(lost)
    assert ids(answer.gained) == list(gained)
    total = answer.total
    assert (total.documents, total.now) == (len(ROWS), 4)
    assert total.then == total.now - len(lost) + len(gained)


def test_a_condition_takes_the_place_of_the_bound_on_its_side_with_sources_and_nulls(
    run: str,
) -> None:
    assert ids(answered(run, "prose.words>=50").lost) == ["a"], "e is code, which is not judged"
    assert ids(answered(run, "prose.words<=50").lost) == ["d"], "an upper bound is new, for all"
    said = [str(one) for one in answered(run, "prose.words>=50").replacements]
    assert said == [
        "prose.words>=50: replaces the recipe's rule (column: prose.words, min: 5.0) of 1 source"
    ]
    said = [str(one) for one in answered(run, "quality.score>=0.3").replacements]
    assert said == ["quality.score>=0.3: added to the recipe's rules"]


def test_the_other_bound_of_a_replaced_rule_stays() -> None:
    rule = Rule(column="x", min=1.0, max=9.0, sources=["web"])
    kept, (made,) = replace_rules([rule], [Condition.parse("x>=3")])
    assert kept == [Rule(column="x", max=9.0, sources=["web"])]
    assert (made.replaced, made.sources) == (rule, ("web",))
    kept, _ = replace_rules([rule], [Condition.parse("x==3")])
    assert kept == []


def test_several_conditions_must_all_be_met(run: str) -> None:
    assert ids(answered(run, "prose.words>=50", "language.code in en|de").lost) == ["a", "d", "e"]
    assert ids(answered(run, "quality.score>=0.2", "quality.score<=0.2").lost) == [
        "a",
        "b",
        "d",
        "e",
    ]


def test_tokens_missing_values_and_leaders_are_counted(run: str) -> None:
    answer = answered(run, "quality.score>=0.5")
    assert answer.total.tokens_now == 1000
    assert answer.total.tokens_lost == 1000
    assert answer.sources["web"].tokens_lost == 600
    assert answer.lost_without_value == 2
    assert answer.lost_leaders == 1
    assert dict(answer.lost)["b"] == {"quality.score": pytest.approx(0.3)}


def test_the_command_prints_by_source(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["stats", run, "--what-if", "prose.words>=1", "--what-if", "quality.score>=0.2"]) == 0
    )
    said = capsys.readouterr().out
    assert "prose.words>=1: replaces" in said
    assert "quality.score>=0.2: added" in said
    lines = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.strip()}
    assert lines["all"] == ["7", "4", "2", "3", "1", "1,000", "800", "80.0%"]
    assert lines["code"] == ["2", "1", "0", "1", "0", "400", "400", "100%"]
    assert "of the lost, 2 have no value to judge" in said
    assert "the 1 gained are not tokenized" in said


def test_a_run_without_tokens_answers_in_documents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made_run(tmp_path, with_tokens=False)
    assert main(["stats", run, "--what-if", "prose.words>=50"]) == 0
    assert "tokens" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("prose.words=5", "write COLUMN>=NUMBER"),
        ("prose.words", "write COLUMN>=NUMBER"),
        (">=3", "write COLUMN>=NUMBER"),
        ("prose.wrods>=5", "there is no 'prose.wrods'; the columns are: "),
        ("prose.words>=many", "'prose.words' is a number, and 'many' is none"),
        ("prose.words in 1|x", "is a number"),
        ("language.code>=3", "min/max judges a number, and 'language.code' is string"),
        ("is_annotated==1", "min/max judges a number, and 'is_annotated' is bool"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    run: str, condition: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stats", run, "--what-if", condition]) == EXIT_REFUSED
    assert said in capsys.readouterr().err


def test_a_run_that_has_not_decided_is_refused(tmp_path: Path) -> None:
    (tmp_path / RUN_NAME).write_text(RunRecord("demo", (), ()).to_json())
    with pytest.raises(ConfigError, match="has not come to 'decide'"):
        answered(str(tmp_path), "x>=1")


NUMBERS = st.none() | st.sampled_from([0.0, 0.1, 0.3, 1.0, 2.0, float("nan")])


@given(
    st.lists(NUMBERS, min_size=1), st.sampled_from(["min", "max"]), st.sampled_from([0.1, 0.3, 1])
)
def test_a_bound_means_what_it_means_in_a_rule(values, side, bound) -> None:
    for kind in (pa.float32(), pa.float64()):
        column = pa.array(values, kind)
        rule = Rule(column="x", when_null="reject", **{side: bound})
        names = [str(number) for number in range(len(values))]
        table = pa.record_batch({"id": names, "source": ["web"] * len(values), "x": column})
        condition = Condition.parse(f"x{'>=' if side == 'min' else '<='}{bound}")
        assert condition.is_met(column).tolist() == decide(table, [rule]).keep.to_pylist()
