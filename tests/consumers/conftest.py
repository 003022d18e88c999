"""Exports for the consumers' own readers; ``make test-formats`` installs those."""

from pathlib import Path

import pytest

from tests.mixtures.formats.exported_stage import Stage, export, make_stage


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return make_stage(tmp_path_factory.mktemp("native"))


@pytest.fixture
def exported(stage: Stage, tmp_path: Path):
    """Writes an export of the stage; returns its folder and file sets."""

    def write(format_name: str):
        sets = export(stage, format_name, tmp_path)
        return tmp_path / format_name, sets

    return write


def pytest_configure() -> None:
    """Hubs cannot be asked while tests run."""
    pytest.MonkeyPatch().setenv("HF_HUB_OFFLINE", "1")
