"""Write an index of benchmark files: names and hashes, no text.

    python -m filters.decontamination.write_index SETS.yaml --output INDEX.parquet

SETS.yaml holds a list as a recipe's ``annotate.decontamination.benchmarks`` does. The index stands
in a recipe's ``annotate.decontamination.indexes`` in place of the files.
"""

import argparse
import sys
from collections.abc import Sequence

import yaml
from pydantic import TypeAdapter, ValidationError

from filters.decontamination.benchmarks import read_items
from filters.decontamination.config import BenchmarkSet
from filters.decontamination.index import Index
from pipeline.errors import ConfigError
from pipeline.storage.filesystem import read_text
from pipeline.storage.strict_yaml import load_yaml

_SETS = TypeAdapter(list[BenchmarkSet])


def write_index(sets: Sequence[BenchmarkSet], path: str) -> Index:
    """Index the files of ``sets`` and write the index.

    Raises ConfigError when they can't be read or hold nothing that can be looked for.
    """
    index = Index.build(read_items(sets))
    if not index.units:
        raise ConfigError("no question of the benchmark files is long enough to be looked for")
    index.write(path)
    return index


def read_sets(path: str) -> list[BenchmarkSet]:
    """The list in a YAML file; ConfigError when it is none."""
    try:
        return _SETS.validate_python(load_yaml(read_text(path)))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"{path}: no list of benchmark sets: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", help="YAML list of benchmark sets")
    parser.add_argument("--output", required=True, help="the index's path")
    parsed = parser.parse_args(arguments)
    try:
        index = write_index(read_sets(parsed.sets), parsed.output)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        f"{len(index.items):,} items, {index.num_unsearchable():,} of them too short to be found; "
        f"{len(index.grams):,} hashes in {parsed.output}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
