"""A trained fastText classifier, loaded from a file whose bytes are known in advance.

Predicting goes through the model's own method, not the Python package's ``predict``: that one
fails on NumPy 2 in ``fasttext``, while this works in ``fasttext`` and ``fasttext-predict`` alike.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import fasttext
import numpy as np
import numpy.typing as npt

from pipeline.errors import ConfigError

_LABEL_PREFIX = "__label__"
# The last bits of a probability depend on how fastText was compiled; a measure must not.
_PROBABILITY_DIGITS = 4

_ADDED_PROBABILITY = np.float32(1e-5)
# What fastText adds before it takes the logarithm (``std_log``), so that there is one.


class FastTextModel:
    """A supervised model; ``name`` is how errors speak of it."""

    def __init__(self, path: Path, *, sha256: str, name: str) -> None:
        """Load ``path``; ConfigError when it is missing or its bytes are not those expected."""
        try:
            found_sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigError(f"{name}: cannot read the model {path}: {error.strerror}") from error
        if found_sha256 != sha256:
            raise ConfigError(
                f"{name}: the model {path} has sha256 {found_sha256}, but {sha256} is expected: "
                f"it is damaged or of another version"
            )
        self._model = fasttext.load_model(str(path)).f

    def probabilities(self, text: str, *, max_labels: int = 1) -> dict[str, float]:
        """The most probable labels with their probabilities (0-1, 4 decimals), best first.

        ``text`` is read as one line. An empty text has the probabilities of the model's prior.
        """
        found = self._model.predict(text.replace("\n", " ") + "\n", max_labels, 0.0, "strict")
        return {
            label.removeprefix(_LABEL_PREFIX): round(min(probability, 1.0), _PROBABILITY_DIGITS)
            for probability, label in found
        }

    def distribution(self, text: str, places: Mapping[str, int]) -> npt.NDArray[np.float32]:
        """The probabilities of all labels, each at its place in ``places``; small ones exact.

        ``text`` is read as one line, as by :meth:`probabilities`.
        """
        found = self._model.predict(text.replace("\n", " ") + "\n", -1, 0.0, "strict")
        probabilities = np.zeros(len(places), np.float32)
        rows = [places[label.removeprefix(_LABEL_PREFIX)] for _, label in found]
        probabilities[rows] = [probability for probability, _ in found]
        made: npt.NDArray[np.float32] = np.maximum(probabilities - _ADDED_PROBABILITY, 0)
        return made
