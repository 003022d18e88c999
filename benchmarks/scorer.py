"""The scorers that lie beside documents with known truth, which are no part of this repository."""

import importlib.util
from pathlib import Path
from typing import Any


def load_scorer(path: Path) -> Any:
    """The module in a file. Raises FileNotFoundError without one."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(path)
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    return scorer
