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
from pipeline.transforms.tokenize import load_tokenizer


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
    check_rules(recipe.decide.rules, pa.schema([*measures, *_beyond(MARKS_SCHEMA, measures)]))
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


def _is_left_behind(name: str) -> bool:
    """Whether token shards do not carry the column, or hold it only for packing."""
    return name in ("text", "tokens") or name.startswith("sketch.")


def _beyond(schema: pa.Schema, known: pa.Schema) -> list[pa.Field]:
    return [field for field in schema if field.name not in known.names]
