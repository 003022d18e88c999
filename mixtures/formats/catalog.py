"""The formats there are, by the names that a recipe calls them."""

from collections.abc import Mapping

from mixtures.formats.arrow import ARROW
from mixtures.formats.datatrove import DATATROVE
from mixtures.formats.export import ExportFormat
from mixtures.formats.mds import MDS
from mixtures.formats.megatron import MEGATRON
from mixtures.formats.olmo import OLMO

FORMATS: Mapping[str, ExportFormat] = {
    one.name: one for one in (MEGATRON, MDS, ARROW, OLMO, DATATROVE)
}
