"""Settings and fixtures of all tests."""

import uuid

import fsspec
import pytest
from hypothesis import HealthCheck, settings

# A loaded machine is no failure, and tests that write a file write the same one at every example.
settings.register_profile(
    "reasonmill",
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("reasonmill")


@pytest.fixture
def memory_folder():
    """An empty folder in memory, for what must work on any fsspec file system."""
    folder = f"memory://{uuid.uuid4().hex}"
    yield folder
    filesystem = fsspec.filesystem("memory")
    name = folder.removeprefix("memory:/")
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path, memory_folder):
    """An empty folder, once on the disk and once in memory."""
    return str(tmp_path) if request.param == "local" else memory_folder
