"""The S-curve as a drawing of the page: chance to be compared and to be merged, by similarity."""

import numpy as np

from filters.dedup.config import NearDuplicateConfig
from pipeline.report.markup import Html, element, join, swatch, text
from pipeline.report.similarity_curve import CurvePoint, curve

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 548, 22, 252
_STEPS = 100
"""Points of a curve: one for each hundredth of similarity, half a stroke apart at full size."""

_SIMILARITY_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_CHANCE_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def similarity_chart(near: NearDuplicateConfig) -> Html:
    """A figure with both curves, the threshold as a line, and a legend."""
    # A pair just below the threshold and one that reaches it: where counting decides, a step.
    edge = (float(np.nextafter(near.threshold, 0)), near.threshold)
    points = curve(near, sorted({*(step / _STEPS for step in range(_STEPS + 1)), *edge}))
    drawing = element(
        "svg",
        join(
            [
                *_axes(),
                _threshold(near.threshold),
                _line([(point.similarity, point.candidate) for point in points], "candidate"),
                _line([(point.similarity, point.merged) for point in points], "merged"),
            ],
            "\n",
        ),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=_said(near, curve(near, [near.threshold])[0]),
    )
    legend = join(
        element("li", swatch(tone, name))
        for tone, name in (
            ("rejected", "candidate: the pair is compared"),
            ("kept", "merged: the pair is called a duplicate"),
        )
    )
    caption = element("figcaption", text("Chance that a pair of documents is found"))
    return element(
        "figure", join([caption, element("ul", legend, class_="legend"), drawing]), class_="chart"
    )


def _said(near: NearDuplicateConfig, point: CurvePoint) -> str:
    return (
        f"S-curve: at the threshold of {near.threshold:g} a pair is compared with a chance of "
        f"{point.candidate:.0%} and merged with one of {point.merged:.0%}; the table below has more"
    )


def _axes() -> list[Html]:
    drawn = []
    for chance in _CHANCE_TICKS:
        y = _y(chance)
        drawn.append(_rule(_LEFT, y, _RIGHT, y, "grid"))
        drawn.append(_label(f"{chance:.0%}", _LEFT - 7, y + 4, "end"))
    drawn += [
        _label(f"{similarity:.1f}", _x(similarity), _BOTTOM + 18, "middle")
        for similarity in _SIMILARITY_TICKS
    ]
    middle = (_LEFT + _RIGHT) / 2
    drawn.append(_label("Jaccard similarity of their shingles", middle, _BOTTOM + 40, "middle"))
    return drawn


def _threshold(threshold: float) -> Html:
    x = _x(threshold)
    anchor = "end" if threshold > 0.5 else "start"  # noqa: PLR2004 - towards the middle
    return join(
        [
            _rule(x, _TOP, x, _BOTTOM, "threshold"),
            _label(f"threshold {threshold:g}", x, _TOP - 7, anchor),
        ]
    )


def _line(points: list[tuple[float, float]], name: str) -> Html:
    written = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    return element("polyline", points=written, class_=name)


def _rule(x1: float, y1: float, x2: float, y2: float, name: str) -> Html:
    return element(
        "line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=name
    )


def _label(said: str, x: float, y: float, anchor: str) -> Html:
    return element("text", text(said), x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _x(similarity: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * similarity


def _y(chance: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * chance
