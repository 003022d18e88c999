import json
from pathlib import Path

import pytest
import yaml

from filters.dedup.config import KeepPreference
from pipeline.checks import check_recipe
from pipeline.config import Recipe, load_recipe, parse_recipe, recipe_schema
from pipeline.errors import ConfigError
from pipeline.storage.filesystem import join, write_text

REPOSITORY = Path(__file__).parents[2]

MINIMAL = """
name: small
output: runs/small
sources:
  web: {format: warc, paths: [a/*.warc.gz]}
mixture:
  seed: 0
  stages:
    - name: only
      sequence_tokens: 4096
      components:
        - {name: all, weight: 100}
"""


@pytest.fixture
def recipe_file(tmp_path):
    """Writes a recipe and gives its path."""

    def write(text=MINIMAL, name="recipe.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def refused(path, *overrides):
    """The lines of the error that a recipe is refused with."""
    with pytest.raises(ConfigError) as error:
        load_recipe(path, overrides)
    return str(error.value).splitlines()


def changed(**fields):
    return yaml.safe_load(MINIMAL) | fields


def faults_of(value):
    with pytest.raises(ConfigError) as error:
        parse_recipe(value, name="r.yaml")
    head, *faults = str(error.value).splitlines()
    assert head == f"r.yaml: {len(faults)} fault(s)"
    return faults


def test_a_recipe_of_what_is_required_is_enough(recipe_file):
    recipe = load_recipe(recipe_file())
    assert recipe.sources["web"].paths == ["a/*.warc.gz"]
    assert recipe.mixture.stages[0].components[0].weight == 100


def test_a_recipe_may_lie_on_any_file_system(memory_folder):
    write_text(join(memory_folder, "r.yaml"), MINIMAL)
    assert load_recipe(join(memory_folder, "r.yaml")).name == "small"


def test_shipped_recipes_are_accepted():
    for path in (REPOSITORY / "recipes").glob("*.yaml"):
        recipe = load_recipe(str(path))
        check_recipe(recipe)
        assert recipe.name == path.stem


def test_a_preference_for_what_nothing_measures_is_refused():
    recipe = load_recipe(str(REPOSITORY / "recipes/demo.yaml"))
    keep = (KeepPreference(column="tagger.qualty", prefer="highest"),)
    deduplicate = recipe.deduplicate.model_copy(update={"keep": keep})
    with pytest.raises(ConfigError, match=r"deduplicate\.keep\.0\.column: 'tagger\.qualty'"):
        check_recipe(recipe.model_copy(update={"deduplicate": deduplicate}))


def test_an_editor_can_describe_every_field():
    schema = json.loads(recipe_schema())
    models = {"Recipe": schema, **schema["$defs"]}
    undescribed = [
        f"{name}.{field}"
        for name, model in models.items()
        for field, value in model.get("properties", {}).items()
        if not (value.get("description") or is_described_model(value, models))
    ]
    assert undescribed == []


def is_described_model(value, models):
    """Whether a field is a model of its own, which says what it is for."""
    model = value.get("$ref", "").rpartition("/")[2]
    return model in models and "description" in models[model]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (changed(outptu="x"), "  outptu: unknown field; allowed here: annotate, decide, dedup"),
        (
            changed(sources={"web": {"format": "warc", "paths": ["a"], "glob": "b"}}),
            "  sources.web.glob: unknown field; allowed here: fields, format, license, paths",
        ),
        (
            changed(extract={"html": {"engin": "x"}}),
            "  extract.html.engin: unknown field; allowed here: engine",
        ),
        (
            changed(sources={"web": {"format": "csv", "paths": ["a"]}}),
            "  sources.web.format: got \"csv\": Input should be 'warc', 'wet', 'parquet', 'jsonl',",
        ),
        (
            changed(split_bytes="1MB"),
            '  split_bytes: got "1MB": Input should be a valid integer',
        ),
        (changed(split_bytes=True), "  split_bytes: got true: Input should be a valid integer"),
        (changed(split_bytes=70000.0), "  split_bytes: got 70000.0: Input should be a valid int"),
        (
            changed(split_bytes=10),
            "  split_bytes: got 10: Input should be greater than or equal to 65536",
        ),
        (
            changed(max_failed_ratio=1.5),
            "  max_failed_ratio: got 1.5: Input should be less than or equal to 1",
        ),
        (changed(name="Small Recipe"), '  name: got "Small Recipe": String should match pattern'),
        (changed(sources={}), "  sources: got {}: Dictionary should have at least 1 item"),
        (changed(sources=None), "  sources: got null: Input should be a valid dictionary"),
        (
            changed(decide={"rules": [{"column": "prose.words", "mn": 3}]}),
            "  decide.rules.0.mn: unknown field; allowed here: allowed, column, forbidden, max",
        ),
        (
            changed(decide={"rules": [{"column": "prose.words", "min": 3, "max": 2}]}),
            "  decide.rules.0: got {",
        ),
        (
            {name: value for name, value in changed().items() if name != "mixture"},
            "  mixture: required, and missing",
        ),
    ],
)
def test_a_fault_names_its_field_the_value_and_what_is_allowed(value, fault):
    (only,) = faults_of(value)
    assert only.startswith(fault)


def test_every_fault_is_listed_at_once():
    faults = faults_of(changed(split_bytes="x", max_record_bytes=0, nme=1))
    assert [fault.split(":")[0].strip() for fault in faults] == [
        "split_bytes",
        "max_record_bytes",
        "nme",
    ]


def test_a_long_value_is_cut_to_one_line():
    (fault,) = faults_of(changed(split_bytes="x" * 500))
    assert "..." in fault
    assert len(fault) < 200


@pytest.mark.parametrize("text", ["", "- a", "just text", "3"])
def test_what_is_no_mapping_is_refused(recipe_file, text):
    (message,) = refused(recipe_file(text))
    assert "a recipe is a mapping of fields, got" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "name: again\n", "'name' stands twice"),
        (MINIMAL.replace("format: warc", "format: warc, format: wet"), "'format' stands twice"),
        ("a: [1\nb: 2", "not valid YAML"),
        ("? [a, b]\n: 1", "unhashable key"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        (b"name: caf\xe9", "cannot be read: 'utf-8' codec can't decode"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_the_name_of_the_file(recipe_file, text, message):
    path = recipe_file(text)
    lines = refused(path)
    assert lines[0].startswith(f"{path}: ")
    assert message in "\n".join(lines)


def test_a_key_given_twice_is_refused_with_its_line(recipe_file):
    assert "line 13, column 1" in "\n".join(refused(recipe_file(MINIMAL + "name: again\n")))


def test_anchors_and_merges_are_understood(recipe_file):
    text = MINIMAL.replace(
        "  web: {format: warc, paths: [a/*.warc.gz]}",
        "  web: &web {format: warc, paths: [a]}\n  other: {<<: *web, paths: [b]}",
    )
    recipe = load_recipe(recipe_file(text))
    assert (recipe.sources["other"].format, recipe.sources["other"].paths) == ("warc", ["b"])


def test_a_recipe_that_is_not_there_is_named(tmp_path):
    path = str(tmp_path / "none.yaml")
    assert refused(path) == [f"no recipe at {path!r}"]
    assert refused(str(tmp_path))[0].startswith(f"{tmp_path}: cannot be read")


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("output=elsewhere", lambda r: r.output == "elsewhere"),
        ("output=a=b", lambda r: r.output == "a=b"),
        ("split_bytes=100_000", lambda r: r.split_bytes == 100_000),
        ("max_failed_ratio=0.25", lambda r: r.max_failed_ratio == 0.25),
        ("sources.web.license=MIT", lambda r: r.sources["web"].license == "MIT"),
        ("sources.web.license=null", lambda r: r.sources["web"].license is None),
        ("sources.web.paths.0=b", lambda r: r.sources["web"].paths == ["b"]),
        ("sources.web.paths=[b, c]", lambda r: r.sources["web"].paths == ["b", "c"]),
        ("sources.new={format: jsonl, paths: [x]}", lambda r: r.sources["new"].format == "jsonl"),
        ("extract.html.engine=resiliparse", lambda r: r.extract.html.engine == "resiliparse"),
        ("mixture.stages.0.components.0.weight=100.0", lambda r: isinstance(r, Recipe)),
    ],
)
def test_an_override_replaces_one_field_and_is_read_as_yaml(recipe_file, override, value):
    assert value(load_recipe(recipe_file(), [override]))


def test_later_overrides_win(recipe_file):
    assert load_recipe(recipe_file(), ["output=a", "output=b"]).output == "b"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("output", "--set 'output': write it as field.subfield=value"),
        ("=3", "--set '=3': write it as field.subfield=value"),
        ("sources.web.paths.3=b", "--set 'sources.web.paths.3=b': '3' is no index of a list of 1"),
        ("sources.web.paths.x.y=b", "'x' is no index of a list of 1"),
        ("name.first=b", "--set 'name.first=b': 'first' stands below a value, not a mapping"),
        ("name.first.second=b", "'first' stands below a value, not a mapping"),
        ("output=[a", "--set 'output=[a': not valid YAML"),
        ("sources.x={format: a, format: b}", "'format' stands twice"),
        ("splt_bytes=3", "splt_bytes: unknown field; allowed here: "),
        ("split_bytes=many", 'split_bytes: got "many": Input should be a valid integer'),
    ],
)
def test_a_wrong_override_is_refused(recipe_file, override, message):
    assert message in "\n".join(refused(recipe_file(), override))


def test_a_mixture_may_select_by_passages_where_they_are_cut(recipe_file):
    where = "where: [{column: passages.cut_ratio, max: 0.5}]"
    text = MINIMAL.replace("{name: all, weight: 100}", f"{{name: all, weight: 100, {where}}}")
    check_recipe(load_recipe(recipe_file(text), ["deduplicate.passages={}"]))
    with pytest.raises(ConfigError, match=r"passages\.cut_ratio"):
        check_recipe(load_recipe(recipe_file(text)))
