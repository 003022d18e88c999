"""Imports point down only: cli -> run -> transforms -> the four parts -> storage -> records."""

import sys

from tests.architecture.modules import PACKAGES, imports_of, is_below, shipped

LAYERS = {
    0: ("pipeline.compilation", "pipeline.errors", "pipeline.fingerprint", "pipeline.records"),
    1: ("pipeline.storage",),
    2: ("extractors", "filters", "synth", "mixtures"),
    3: ("pipeline.transforms",),
    4: (
        "pipeline.checks",
        "pipeline.config",
        "pipeline.doctor",
        "pipeline.duplicate_alarm",
        "pipeline.extraction",
        "pipeline.inspection",
        "pipeline.plan",
        "pipeline.progress",
        "pipeline.report",
        "pipeline.results",
        "pipeline.run",
        "pipeline.synthesis_progress",
        "pipeline.tagger_evaluation",
        "pipeline.tagging",
        "pipeline.tagging_progress",
        "pipeline.verification",
        "pipeline.what_if",
        "pipeline.what_if_conditions",
    ),
    5: ("pipeline.cli",),
}

BEAM = (
    "pipeline.transforms",
    "pipeline.run",
    "synth.engines.inference",
    "synth.engines.vllm_server",
)
"""The only modules that may import Beam themselves."""

TORCH = (
    "filters.taggers.encoders",
    "filters.taggers.training.__main__",
    "filters.taggers.training.encoder",
    "filters.taggers.training.fitting",
    "filters.taggers.training.network",
    "filters.taggers.training.train_encoder",
    "filters.taggers.training.train_fasttext",
    "filters.taggers.training.train_tagger",
    "mixtures.attention",
    "mixtures.torch_reader",
    "mixtures.torch_targets",
    "synth.engines.gpu_kernels",
    "synth.engines.torch_slots",
    "synth.engines.transformers",
    "synth.solver.evaluation",
    "synth.solver.model_folder",
    "synth.solver.network",
    "synth.solver.packing",
    "synth.solver.sampling",
    "synth.solver.train",
    "synth.solver.training",
)
"""The only modules that may import torch."""

ASK_FOR_VERSIONS = ("pipeline.doctor",)
"""Imports what is installed to say so, inside a function."""


def layer_of(name):
    """The layer of one of our modules; None for what belongs to none."""
    for layer, parents in LAYERS.items():
        if any(is_below(name, parent) for parent in parents):
            return layer
    return None


def ours(names):
    return sorted(name for name in names if name.partition(".")[0] in PACKAGES)


def foreign(names):
    roots = {name.partition(".")[0] for name in names}
    return roots - set(PACKAGES) - set(sys.stdlib_module_names)


def test_every_module_has_a_layer():
    names = {module.name for module in shipped()} - {"pipeline"}
    assert {name for name in names if layer_of(name) is None} == set()


def test_imports_point_down():
    upward = [
        f"{module.name} imports {name}"
        for module in shipped()
        for name in ours(imports_of(module))
        if name != "pipeline" and layer_of(name) > layer_of(module.name)
    ]
    assert upward == []


def test_the_four_parts_do_not_import_each_other():
    across = [
        f"{module.name} imports {name}"
        for module in shipped()
        for name in ours(imports_of(module))
        if layer_of(module.name) == layer_of(name) == 2
        and name.partition(".")[0] != module.name.partition(".")[0]
    ]
    assert across == []


def test_the_package_that_holds_bottom_and_top_imports_nothing():
    (package,) = [module for module in shipped() if module.name == "pipeline"]
    assert imports_of(package) == set()


def test_records_need_pyarrow_only():
    allowed = {
        "pipeline.compilation": {"numba"},
        "pipeline.fingerprint": {"pydantic"},
        "pipeline.errors": set(),
    }
    for module in shipped():
        if layer_of(module.name) == 0:
            beyond = foreign(imports_of(module)) - allowed.get(module.name, {"pyarrow"})
            assert beyond == set(), module.name


def importers(*packages):
    """Names of our modules that import one of these packages themselves."""
    return {m.name for m in shipped() if not foreign(imports_of(m)).isdisjoint(packages)}


def test_beam_is_imported_where_the_graph_is_and_nowhere_else():
    allowed = (*BEAM, *ASK_FOR_VERSIONS)
    found = importers("apache_beam")
    assert {name for name in found if not any(is_below(name, one) for one in allowed)} == set()


def test_torch_is_imported_where_a_tensor_is_and_nowhere_else():
    assert importers("torch", "torchdata") <= {*TORCH, *ASK_FOR_VERSIONS}
