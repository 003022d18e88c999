"""The stages of a mixture on disk: which folders, in which order, and the windows of each file.

Everything is known from the manifests, so a reader opens a shard when it comes to it, however many
there are.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mixtures.windows import LAYOUT_SUFFIX, WindowLayout, shard_name
from pipeline.errors import ConfigError
from pipeline.records.manifest import MANIFEST_NAME, Manifest

RUN_NAME = "run.json"
"""Names the stages of a folder's newest run, in order, each with the identity of its output."""

WINDOWS = "windows"
"""The output of a stage that holds the tokens."""

WINDOWS_PREFIX = f"{WINDOWS}-"
"""A stage of a run that writes a stage of the mixture is called this and the latter's name."""

_SOLVE = "solve"


@dataclass(frozen=True)
class ShardFiles:
    """A shard: the common name of its files, and its windows."""

    name: str
    num_windows: int


@dataclass(frozen=True)
class StageFiles:
    """A finished stage: ``name`` as the recipe calls it, ``identity`` as its manifest states it."""

    name: str
    identity: str
    layout: WindowLayout
    shards: tuple[ShardFiles, ...]

    @property
    def num_windows(self) -> int:
        """Windows in all shards."""
        return sum(shard.num_windows for shard in self.shards)


def find_stages(place: str | Path | Iterable[str | Path]) -> tuple[StageFiles, ...]:
    """The stages to train on, in order: of a run's folder, of one stage's, or of several stages'.

    Raises ConfigError where a folder holds neither a run nor a stage, or where the run has not
    written every stage of its mixture yet.
    """
    if not isinstance(place, str | Path):
        folders = [Path(folder) for folder in place]
    elif (Path(place) / RUN_NAME).is_file():
        folders = _stage_folders(Path(place))
    else:
        folders = [Path(place)]
    stages = tuple(_read_stage(folder) for folder in folders)
    if not stages:
        raise ConfigError(f"{place} names no stage to train on")
    identities = [(stage.name, stage.identity) for stage in stages]
    if len(set(identities)) < len(identities):
        raise ConfigError(f"every stage can be named once, got {identities}")
    return stages


def _stage_folders(run: Path) -> list[Path]:
    record = json.loads((run / RUN_NAME).read_text(encoding="utf-8"))
    stages: dict[str, str] = dict(record["stages"])
    wanted = [name for name in stages if name.startswith(WINDOWS_PREFIX)]
    if _SOLVE in stages:
        mixture = _read_manifest(run / _SOLVE / stages[_SOLVE]).config
        wanted = [WINDOWS_PREFIX + stage["name"] for stage in mixture["stages"]]
    missing = [name for name in wanted if name not in stages]
    if missing or not wanted:
        raise ConfigError(
            f"the run in {run} has not written {', '.join(missing) or 'any windows'} yet: finish "
            "the run, or give the folders of the stages to train on"
        )
    return [run / name / stages[name] for name in wanted]


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise ConfigError(
            f"{folder} holds no {MANIFEST_NAME}: it is no stage's output, or an unfinished one"
        )
    return Manifest.from_json(path.read_text(encoding="utf-8"))


def _read_stage(folder: Path) -> StageFiles:
    manifest = _read_manifest(folder)
    # A file of tokens says how many windows there are; the manifest may list its companions too.
    counts = {shard_name(entry.name): entry.rows for entry in manifest.shards(WINDOWS)}
    if not counts:
        raise ConfigError(f"the stage in {folder} has no shard")
    shards = tuple(ShardFiles(str(folder / name), rows) for name, rows in counts.items())
    layout = Path(shards[0].name + LAYOUT_SUFFIX).read_text(encoding="utf-8")
    return StageFiles(
        manifest.stage.removeprefix(WINDOWS_PREFIX),
        manifest.identity,
        WindowLayout.from_json(layout),
        shards,
    )
