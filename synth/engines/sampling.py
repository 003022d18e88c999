"""Drawing the next token, each row by its own temperature, top-p and noise.

The noise of a request is a fixed sequence of numbers that its seed alone decides (counter-based:
Philox, Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). So a request gives
the same text whatever else is in the batch, and whichever engine in this package draws.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

LARGEST_UNIFORM = np.nextafter(np.float32(1), np.float32(0))


@dataclass(frozen=True)
class RowSampling:
    """How each row of a batch draws: arrays of one length.

    ``temperatures`` of 0 take the likeliest token. ``top_ps`` of 1 cut nothing off. ``uniforms``
    are in [0, 1), one for each row.
    """

    temperatures: Floats
    top_ps: Floats
    uniforms: Floats


def uniforms(seed: int, num: int) -> Floats:
    """The first ``num`` numbers of a seed's noise, in [0, 1); any integer is a seed."""
    generator = np.random.Generator(np.random.Philox(key=seed % 2**128))
    # Rounding to single precision can give 1, which no token's share of the mass reaches.
    return np.minimum(generator.random(num).astype(np.float32), LARGEST_UNIFORM)


def draw(logits: Floats, sampling: RowSampling) -> Ids:
    """One token for each row of ``logits`` (rows, vocabulary).

    The nucleus is the smallest set of likeliest tokens whose mass reaches ``top_p``, with all ties
    of its last (Holtzman et al., "The curious case of neural text degeneration", 2020). The token
    is where the nucleus' mass, added up in the order of the vocabulary, passes the uniform number.
    """
    tokens: Ids = logits.argmax(axis=1)
    for row in np.flatnonzero(sampling.temperatures > 0):
        tokens[row] = _draw_row(
            logits[row],
            float(sampling.temperatures[row]),
            float(sampling.top_ps[row]),
            float(sampling.uniforms[row]),
        )
    return tokens


def _draw_row(logits: Floats, temperature: float, top_p: float, uniform: float) -> int:
    weights = np.exp((logits - logits.max()) / np.float32(temperature)).astype(np.float64)
    if top_p < 1:
        total = weights.sum()
        # Tokens under this have less than 1 - top_p between them: none is in the nucleus.
        descending = np.sort(weights[weights >= (1 - top_p) * total / len(weights)])[::-1]
        mass = np.cumsum(descending)
        last = min(int(np.searchsorted(mass, top_p * total)), len(mass) - 1)
        weights[weights < descending[last]] = 0
    mass = np.cumsum(weights)
    return int(np.searchsorted(mass, uniform * mass[-1], side="right"))
