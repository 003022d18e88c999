"""What an import brings along: no Beam and no torch below the graph, numpy alone for a reader."""

import json
import subprocess
import sys

import pytest

from tests.architecture.modules import PACKAGES, REPOSITORY, is_below, shipped
from tests.architecture.test_import_layers import BEAM, TORCH, layer_of

IMPORT_EACH = """
import importlib, json, sys
heavy, guilty = json.loads(sys.argv[1]), {}
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
    brought = [module for module in heavy if module in sys.modules]
    if brought:
        guilty[name] = brought
        break
print(json.dumps([guilty, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def import_each(names, *, heavy=()):
    """Import modules one after the other in a fresh process.

    Returns the first that brought a heavy one along, and all top-level modules there are then.
    """
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH, json.dumps(list(heavy)), json.dumps(list(names))],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def modules_of(layers, *, besides=()):
    return [
        module.name
        for module in shipped()
        if layer_of(module.name) in layers
        and not any(is_below(module.name, one) for one in besides)
    ]


@pytest.mark.parametrize("part", ["pipeline", "extractors", "filters", "synth", "mixtures"])
def test_nothing_below_the_graph_brings_beam_or_torch_along(part):
    names = modules_of((0, 1, 2), besides=(*BEAM, *TORCH))
    guilty, _ = import_each(
        [name for name in names if is_below(name, part)], heavy=("apache_beam", "torch")
    )
    assert guilty == {}


def test_the_parts_that_need_beam_can_be_told_from_those_that_do_not():
    guilty, _ = import_each(
        ["pipeline.errors", "pipeline.transforms.coders"], heavy=["apache_beam"]
    )
    assert guilty == {"pipeline.transforms.coders": ["apache_beam"]}


def test_windows_are_read_with_numpy_alone():
    _, loaded = import_each(["mixtures.reader"])
    _, without = import_each([])
    beyond = set(loaded) - set(without) - set(sys.stdlib_module_names) - set(PACKAGES)
    assert beyond <= {"numpy", "_distutils_hack", "mkl"}
    assert "numpy" in beyond


def test_records_are_read_with_pyarrow_alone():
    others = ("pipeline.compilation", "pipeline.fingerprint")
    _, loaded = import_each(modules_of((0,), besides=others))
    _, of_pyarrow = import_each(["pyarrow"])
    assert set(loaded) - set(of_pyarrow) - set(sys.stdlib_module_names) == {"pipeline"}


def test_a_run_without_synthesis_or_pdfs_brings_neither_torch_nor_pymupdf_along():
    guilty, _ = import_each(["pipeline.run", "pipeline.cli"], heavy=("torch", "pymupdf"))
    assert guilty == {}
