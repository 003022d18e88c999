"""Make synthetic documents: problems -> requests -> a model's answers -> checked documents.

A shard of problems is a shard of documents. All samples of a problem stay in one batch, so the
pass rate needs no shuffle; answers are stored by the content of their request, outside the stage's
folder, so another threshold or a killed run asks nothing again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
from apache_beam.ml.inference.base import RunInference

from pipeline.errors import ConfigError
from pipeline.fingerprint import fingerprint
from pipeline.records.address import address_of
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.records.manifest import ShardEntry
from pipeline.storage.filesystem import join
from pipeline.storage.splits import Split
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.extract import summarize_documents
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import (
    FAILED,
    REJECTED,
    Outcome,
    StageOutcome,
    addressed,
    outputs,
    split_outcome,
    tagged,
)
from pipeline.transforms.read import read_splits, write_splits
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Stage, outcome_counts, rows
from synth.config import SynthConfig, identity, skip_reason
from synth.engines.inference import EndpointModelHandler
from synth.engines.openai import EndpointConfig
from synth.problems import (
    ProblemRow,
    list_problems,
    plan_problem_splits,
    read_problems,
    to_batch,
)
from synth.strategies.mathematics import STAGE, MathematicsConfig, judge, to_samples
from synth.verification.mathematics import MathVerifier

VERSION = 1

ASKED = "asked"
"""Name of the receipts that say how many samples a shard's problems called for."""

CACHE_NAME = "request-cache"
"""Folder of stored answers in a run's folder, where the recipe names no other."""

WINDOWS_PER_BATCH = 8
"""Requests of a batch, in windows of ``max_in_flight``: the window runs empty once a batch, which
costs about a tenth of the time where the slowest answer takes twice the mean."""


def synthesize_stage(config: SynthConfig) -> Stage:
    """List the problems now; ask and check when the stage runs.

    Raises ConfigError when the stage should have been skipped, or a pattern matches no file.
    """
    endpoint, mathematics = config.endpoint, config.mathematics
    if endpoint is None or mathematics is None:
        raise ConfigError(f"nothing to synthesize: {skip_reason(config)}")
    listing = list_problems(mathematics.problems)
    splits = plan_problem_splits(listing, split_bytes=mathematics.split_bytes)
    names = (ASKED, DOCUMENTS, REJECTED, FAILED)

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        outcome = (
            graph
            | PendingShards(folder, len(splits), names)
            | ReadProblems(folder, mathematics, endpoint)
            | SolveProblems(mathematics, endpoint, config.cache or _default_cache(folder))
        )
        outcome.write(folder, DOCUMENTS, DOCUMENT_SCHEMA, summarize=summarize_documents)

    return Stage(
        name=STAGE,
        version=VERSION,
        config=identity(config),
        inputs={"problems": fingerprint([[f.name, f.bytes, f.version] for f in listing])},
        outputs=dict.fromkeys(names, len(splits)),
        build=build,
        count=lambda entries: outcome_counts(entries, rows_in=rows(entries, ASKED), kept=DOCUMENTS),
        prepare=lambda folder: write_splits(folder, splits),
    )


@dataclass(eq=False)
class ReadProblems(beam.PTransform):  # type: ignore[misc]
    """Shard numbers -> batches of ``SAMPLE_SCHEMA``, a row for each sample to be asked for.

    A problem's samples are in one batch. When a shard has been read to its end, a receipt states
    its samples and its unreadable rows: the number that the three outputs must add up to.
    """

    folder: StageFolder
    config: MathematicsConfig
    endpoint: EndpointConfig

    def __post_init__(self) -> None:
        super().__init__(label="Read problems")

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Batches of every shard, in order within the shard."""
        return shards | "Read problems" >> beam.ParDo(
            _ReadProblems(self.folder, self.config, self.endpoint)
        ).with_output_types(pa.RecordBatch)


class _ReadProblems(beam.DoFn):  # type: ignore[misc]
    def __init__(
        self, folder: StageFolder, config: MathematicsConfig, endpoint: EndpointConfig
    ) -> None:
        self._folder = folder
        self._config = config
        self._endpoint = endpoint
        self._splits: list[Split] = []

    def setup(self) -> None:
        self._splits = read_splits(self._folder)

    def process(self, shard: int) -> Iterator[pa.RecordBatch]:
        split = self._splits[shard]
        num_problems = problems_per_batch(self._config, self._endpoint)
        num_samples = 0
        for problems in addressed(
            _batches(read_problems(split), num_problems),
            shard=shard,
            num_shards=split.num_shards,
            empty=to_batch([]),
        ):
            samples = to_samples(problems, self._config, model=self._endpoint.model)
            num_samples += samples.num_rows
            yield samples
        self._folder.write_receipt(
            ShardEntry(output=ASKED, shard=shard, name="", rows=num_samples, bytes=0, sha256="")
        )


@dataclass(eq=False)
class SolveProblems(beam.PTransform):  # type: ignore[misc]
    """Batches of ``SAMPLE_SCHEMA`` -> documents, rejections and failures."""

    config: MathematicsConfig
    endpoint: EndpointConfig
    cache_folder: str

    def __post_init__(self) -> None:
        super().__init__(label="Solve problems")

    def expand(self, samples: beam.PCollection) -> StageOutcome:
        """Each sample becomes exactly one row of one of the three."""
        handler = EndpointModelHandler(self.endpoint, self.cache_folder)
        answered = samples | "Ask" >> RunInference(handler).with_output_types(pa.RecordBatch)
        return split_outcome(answered | "Judge" >> outputs(beam.ParDo(_Judge(self.config))))


class _Judge(beam.DoFn):  # type: ignore[misc]
    def __init__(self, config: MathematicsConfig) -> None:
        self._config = config
        self._verifier: MathVerifier | None = None

    def setup(self) -> None:
        self._verifier = MathVerifier()

    def process(self, answered: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if self._verifier is None:
            raise RuntimeError("process() before setup()")
        judged = judge(answered, self._config, verifier=self._verifier)
        yield from tagged(Outcome(*judged), address_of(answered))

    def teardown(self) -> None:
        if self._verifier is not None:
            self._verifier.close()
            self._verifier = None


def problems_per_batch(config: MathematicsConfig, endpoint: EndpointConfig) -> int:
    """Problems whose samples fill the window of requests several times over."""
    return max(1, WINDOWS_PER_BATCH * endpoint.max_in_flight // config.samples)


def _batches(problems: Iterable[ProblemRow], size: int) -> Iterator[pa.RecordBatch]:
    held: list[ProblemRow] = []
    for problem in problems:
        held.append(problem)
        if len(held) == size:
            yield to_batch(held)
            held = []
    if held:
        yield to_batch(held)


def _default_cache(folder: StageFolder) -> str:
    """In the run's folder, two levels above: answers outlive the stage that asked for them."""
    run, _, _ = folder.path.rsplit("/", 2)
    return join(run, CACHE_NAME)
