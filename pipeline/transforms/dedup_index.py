"""The index: what earlier runs found, so that new documents are compared with theirs as well."""

from collections.abc import Sequence
from dataclasses import dataclass

from filters.dedup.config import DeduplicateConfig
from pipeline.errors import ConfigError
from pipeline.fingerprint import canonical_json
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.corpus import Corpus, Part
from pipeline.transforms.stage import Finished


@dataclass(frozen=True)
class IndexedRun:
    """What a run contributes: its documents, their measures, and the pairs it found."""

    path: str
    documents: Finished
    measures: Finished
    pairs: Finished

    @property
    def part(self) -> Part:
        """Its part of a corpus."""
        return Part.of(self.documents, self.measures)


@dataclass(frozen=True)
class Compared:
    """The corpus of a search for duplicates, and what of it is known already."""

    corpus: Corpus
    known: Finished | None
    inputs: dict[str, str]


def compare_with(
    index: Sequence[IndexedRun], documents: Finished, measures: Finished, config: DeduplicateConfig
) -> Compared:
    """Documents with their measures, behind those of ``index``, oldest run first.

    Raises ConfigError when a run of the index has other sketches or looked for other pairs, or was
    not itself compared with exactly those before it: its pairs would not be one run's.
    """
    for number, run in enumerate(index):
        _check(run, index[:number], measures, config)
    parts = [run.part for run in index]
    inputs = _inputs([*index], measures)
    known = index[-1].pairs if index else None
    return Compared(Corpus((*parts, Part.of(documents, measures))), known, inputs)


def pairs_config(config: DeduplicateConfig) -> dict[str, object]:
    """What the pairs depend on."""
    return config.model_dump(mode="json", include={"url", "exact", "near"})


def _inputs(index: Sequence[IndexedRun], measures: Finished) -> dict[str, str]:
    """Identities of all that a search reads, by their place in the corpus."""
    older = {f"index-{number}": run.measures.identity for number, run in enumerate(index)}
    return older | {"measures": measures.identity}


def _check(
    run: IndexedRun, older: Sequence[IndexedRun], measures: Finished, config: DeduplicateConfig
) -> None:
    where = f"deduplicate.index: {run.path!r}"
    theirs, ours = (one.manifest.config["annotate"]["sketch"] for one in (run.measures, measures))
    if theirs != ours:
        raise ConfigError(
            f"{where} has other sketches: {canonical_json(theirs)}, this recipe asks for "
            f"{canonical_json(ours)}; run it again with this recipe's deduplicate.near"
        )
    if run.pairs.manifest.config != pairs_config(config):
        raise ConfigError(
            f"{where} looked for other pairs: {canonical_json(run.pairs.manifest.config)}, this "
            f"recipe asks for {canonical_json(pairs_config(config))}"
        )
    expected = _inputs(older, run.measures)
    if run.pairs.manifest.inputs != expected:
        raise ConfigError(
            f"{where} was not compared with the runs before it in the list: name all runs that it "
            f"had in its own index, in that order"
        )
    if not run.measures.manifest.shards(MEASURES):
        raise ConfigError(f"{where} has no shards")
