"""A small part of the demo corpus, so that a whole run takes seconds."""

import io
from pathlib import Path
from typing import Any

import yaml
from fastwarc.warc import ArchiveIterator, WarcRecordType

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "examples" / "corpus"
MAX_PAGES = 40
MAX_PDF_BYTES = 400_000
MAX_FAILED_RATIO = 0.5


def make_recipe(folder: Path, *, output: str = "run") -> dict[str, Any]:
    """Copy a part of each kind of input below ``folder``; the demo recipe over it, decoded."""
    recipe: dict[str, Any] = yaml.safe_load((ROOT / "recipes" / "demo.yaml").read_text())
    web = folder / "web"
    web.mkdir(parents=True, exist_ok=True)
    (web / "pages.warc.gz").write_bytes(_first_records(min((CORPUS / "web").glob("*.warc.gz"))))
    for kind in ("pdf", "code", "tables", "wet", "broken"):
        (folder / kind).symlink_to(CORPUS / kind)
    smallest = min((CORPUS / "pdf").glob("*.pdf"), key=lambda path: path.stat().st_size)
    archives = [*(CORPUS / "code").glob("*.zip"), *(CORPUS / "code").glob("*.tar.gz")]
    tree = min(archives, key=lambda path: path.stat().st_size)
    recipe["output"] = str(folder / output)
    recipe["split_bytes"] = 1 << 18
    recipe["max_failed_ratio"] = MAX_FAILED_RATIO
    recipe["synthesize"] = {}  # a test that wants solutions names its own server
    recipe["deduplicate"]["passages"] = {"min_words": 20}  # so that there are some
    # A repository is drawn whole, and here it is a large part of a stage.
    recipe["mixture"]["max_share_error_percent"] = 10.0
    recipe["sources"]["web"]["paths"] = [str(web / "*.warc.gz")]
    recipe["sources"]["papers"]["paths"] = [str(folder / "pdf" / smallest.name)]
    recipe["sources"]["code"]["paths"] = [str(folder / "code" / tree.name)]
    for source in recipe["sources"].values():
        source["paths"] = [path.replace("examples/corpus", str(folder)) for path in source["paths"]]
    return recipe


def _first_records(warc: Path) -> bytes:
    """The bytes of the first ``MAX_PAGES`` response records and whatever stands between them."""
    data = warc.read_bytes()
    types = WarcRecordType.response
    for number, found in enumerate(ArchiveIterator(io.BytesIO(data), record_types=types)):
        if number == MAX_PAGES:
            return data[: found.stream_pos]
    return data
