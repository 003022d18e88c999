"""Whether a recipe's columns exist: known before anything is read, because schemas are explicit."""

import pyarrow as pa

from filters.annotation import build_annotators
from filters.annotator import Annotator
from filters.dedup.preferences import check_preferences
from filters.dedup.sketch import Sketch
from filters.rule import check_rules
from mixtures.cells import check_columns
from mixtures.tokenization import TOKENIZED_SCHEMA
from pipeline.config import Recipe
from pipeline.duplicate_alarm import check_ratio_sources
from pipeline.errors import ConfigError, SchemaError
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.transforms.annotate import measures_schema
from pipeline.transforms.cut_passages import PASSAGES_SCHEMA
from pipeline.transforms.rank_clusters import MARKS_SCHEMA
from pipeline.transforms.select_seeds import OF_CODE
from pipeline.transforms.tokenize import load_tokenizer
from synth.judgement import VERIFICATION_SCHEMA


def recipe_annotators(recipe: Recipe) -> tuple[Annotator, ...]:
    """The annotators a recipe asks for, the duplicate sketches last.

    Raises ConfigError when a model is missing or of another version.
    """
    sketch = Sketch(recipe.deduplicate.sketch_parameters())
    return (*build_annotators(recipe.annotate), sketch)


def check_recipe(recipe: Recipe) -> None:
    """Raise ConfigError when a rule, a preference or a condition asks for what there is not.

    Models and the tokenizer are loaded, so a missing file shows here too.
    """
    measures = measures_schema(recipe_annotators(recipe))
    judged = pa.schema([*measures, *_beyond(MARKS_SCHEMA, measures)])
    check_rules(recipe.decide.rules, judged)
    verified = pa.schema([*judged, *_beyond(VERIFICATION_SCHEMA, judged)])
    check_rules(recipe.decide.synthetic, verified, name="decide.synthetic")
    _check_seeds(recipe, pa.schema([*judged, *OF_CODE]))
    _check_synthesis(recipe)
    check_preferences(recipe.deduplicate.keep, measures)
    check_ratio_sources(recipe.deduplicate, recipe.sources)
    load_tokenizer(recipe.mixture)
    selectable = pa.schema(DOCUMENT_SCHEMA)
    passages = [] if recipe.deduplicate.passages is None else [PASSAGES_SCHEMA]
    for schema in (TOKENIZED_SCHEMA, measures, MARKS_SCHEMA, *passages):
        selectable = pa.schema([*selectable, *_beyond(schema, selectable)])
    selectable = pa.schema([f for f in selectable if not _is_left_behind(f.name)])
    try:
        check_columns(selectable, recipe.mixture)
    except SchemaError as error:
        raise ConfigError(f"mixture: {error}") from error


def _check_seeds(recipe: Recipe, judged: pa.Schema) -> None:
    for name, config in recipe.seeds.items():
        check_rules(config.where, judged, name=f"seeds.{name}.where")
        for column in config.by:
            if column not in judged.names or column == "source":
                known = [field for field in judged.names if field not in ("id", "source")]
                raise ConfigError(f"seeds.{name}.by: there is no {column!r}; there are {known}")


def _check_synthesis(recipe: Recipe) -> None:
    """Raise ConfigError when a strategy names a set there is not, or one it cannot read."""
    synthesize = recipe.synthesize
    for name, config in synthesize.problems.items():
        if config.seeds is not None and config.seeds not in recipe.seeds:
            raise ConfigError(
                f"synthesize.problems.{name}.seeds: there is no set {config.seeds!r}; seeds has "
                f"{sorted(recipe.seeds)}"
            )
    for name, (strategy, settings) in synthesize.chosen.items():
        where = f"synthesize.strategies.{name}"
        sets = {"problems": (settings.problems, synthesize.problems)}
        sets["seeds"] = (settings.seeds, recipe.seeds)  # type: ignore[assignment]
        wanted = "seeds" if strategy.reads == "document" else "problems"
        for field, (names, known) in sets.items():
            if names and field != wanted:
                raise ConfigError(f"{where}.{field}: {name} is asked about {wanted}, not {field}")
            for one in names:
                if one not in known:
                    raise ConfigError(f"{where}.{field}: there is no {one!r}; {sorted(known)} are")
        if not sets[wanted][0]:
            raise ConfigError(f"{where}.{wanted}: name at least one set to ask about")


def _is_left_behind(name: str) -> bool:
    """Whether token shards do not carry the column, or hold it only for packing."""
    return name in ("text", "tokens") or name.startswith("sketch.")


def _beyond(schema: pa.Schema, known: pa.Schema) -> list[pa.Field]:
    return [field for field in schema if field.name not in known.names]
