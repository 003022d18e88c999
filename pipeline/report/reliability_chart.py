"""A reliability diagram: how often a tagger is right, by how sure it is."""

import math

from filters.taggers.evaluation import NUM_BINS, Reliability
from pipeline.report.markup import Html, element, join, text

_WIDTH, _HEIGHT = 360, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 332, 14, 246
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MIN_RADIUS, _MAX_RADIUS = 3.0, 14.0
"""Of a bin's dot; its area grows with the bin's documents."""


def reliability_chart(found: Reliability) -> Html:
    """A figure with a dot for each bin that holds documents; on the diagonal, it is calibrated."""
    drawing = element(
        "svg",
        join([*_axes(), _line(0, 0, 1, 1, "ideal"), *_dots(found)], "\n"),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=_said(found),
    )
    caption = element("figcaption", text("Reliability: right answers by confidence"))
    note = element(
        "p", text("A dot is a bin of confidence, larger with more documents."), class_="note"
    )
    return element("figure", join([caption, drawing, note]), class_="chart")


def _said(found: Reliability) -> str:
    error = found.expected_error
    shown = "not defined" if math.isnan(error) else f"{error:.3f}"
    return f"Accuracy by confidence in {NUM_BINS} bins; the expected calibration error is {shown}"


def _axes() -> list[Html]:
    drawn = []
    for tick in _TICKS:
        drawn.append(_line(0, tick, 1, tick, "grid"))
        drawn.append(_label(f"{tick:.0%}", _LEFT - 7, _y(tick) + 4, "end"))
        drawn.append(_label(f"{tick:.0%}", _x(tick), _BOTTOM + 18, "middle"))
    middle = (_LEFT + _RIGHT) / 2
    drawn.append(_label("confidence", middle, _BOTTOM + 40, "middle"))
    return drawn


def _dots(found: Reliability) -> list[Html]:
    most = max(1, int(found.num_documents.max()))
    drawn = []
    for number, confidence, accuracy in zip(
        found.num_documents.tolist(),
        found.mean_confidence.tolist(),
        found.accuracy_ratio.tolist(),
        strict=True,
    ):
        if not number:
            continue
        title = element(
            "title",
            text(f"{number:,} documents: confidence {confidence:.1%}, right {accuracy:.1%}"),
        )
        radius = max(_MIN_RADIUS, _MAX_RADIUS * math.sqrt(number / most))
        drawn.append(
            element(
                "circle",
                title,
                cx=f"{_x(confidence):.1f}",
                cy=f"{_y(accuracy):.1f}",
                r=f"{radius:.1f}",
                fill_opacity="0.75",
            )
        )
    return drawn


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> Html:
    return element(
        "line",
        x1=f"{_x(x1):.1f}",
        y1=f"{_y(y1):.1f}",
        x2=f"{_x(x2):.1f}",
        y2=f"{_y(y2):.1f}",
        class_=name,
    )


def _label(said: str, x: float, y: float, anchor: str) -> Html:
    return element("text", text(said), x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _x(ratio: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * ratio


def _y(ratio: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * ratio
