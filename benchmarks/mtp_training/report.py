"""The results as short tables: what is printed last."""

from collections.abc import Callable, Iterable
from typing import Any

GOAL_FEED_RATIO = 0.99


def render(results: dict[str, Any]) -> str:
    """One table for each experiment that ran, in their order."""
    parts = [show(results[name]) for name, show in _TABLES.items() if results.get(name) is not None]
    return "\n\n".join(parts)


def _show_machine(machine: dict[str, Any]) -> str:
    return "\n".join(f"{key}: {value}" for key, value in machine.items())


def _show_check(check: dict[str, Any]) -> str:
    return (
        f"attention against a dense mask, {check['documents']} documents: relative error "
        f"{check['relative_error']:.1e}"
    )


def _show_speed(speed: dict[str, Any]) -> str:
    return (
        f"a step takes {speed['seconds_per_step']:.3f} s ({speed['tokens_per_second']:,.0f} "
        f"tokens/s), peak memory {speed['peak_bytes'] / 1e9:.1f} GB, "
        f"{speed['parameters'] / 1e6:.1f} M parameters"
    )


def _show_learn(learn: dict[str, Any]) -> str:
    rows = [
        (
            row["stage"],
            row["sequence_tokens"],
            row["steps"],
            *(f"{loss:.3f}" for loss in (row["first_main"], row["start"][0], row["end"][0])),
            *(f"{loss:.3f}" for loss in (row["first_mtp"], row["start"][1], row["end"][1])),
            f"{row['tokens_per_second']:,.0f}",
        )
        for row in learn["stages"]
    ]
    header = (
        *("stage", "window", "steps", "main: first", "first 10", "last 10"),
        *("MTP: first", "first 10", "last 10", "tokens/s"),
    )
    return _table("LEARN: loss of both heads", header, rows)


def _show_resume(resume: dict[str, Any]) -> str:
    verdict = "exact" if resume["is_exact"] else f"differs at step {resume['first_unequal_step']}"
    after = " and ".join(map(str, resume["resumed_after_steps"]))
    return (
        f"RESUME: {resume['steps']} steps through {', '.join(resume['stages'])}; resumed after "
        f"{after}: {resume['equal_steps']} of {resume['steps']} steps equal to the bit: {verdict} "
        f"(last main loss {resume['last_main_whole']}, {resume['last_main_joined']})"
    )


def _show_mask(rows: list[dict[str, Any]]) -> str:
    header = (
        *("masking", "steps", "depth", "live targets", "crossing", "held out", "first 64"),
        *("own, within", "own, crossing"),
    )
    cells = [
        (
            row["masking"],
            row["steps"],
            depth,
            f"{row['live_targets'][depth]:,}",
            f"{row['crossing_targets'][depth]:,}",
            *(_loss(row[name][depth]) for name in ("held_out", "early", "own", "crossing")),
        )
        for row in rows
        for depth in (0, 1)
    ]
    return _table("MASK: trained with each masking, held out by the shipped one", header, cells)


def _show_feed(rows: list[dict[str, Any]]) -> str:
    header = (
        *("stage", "window", "rounds", "reader tokens/s", "on device", "ratio", "median"),
        *("min", "max", "reader alone", "goal"),
    )
    cells = [
        (
            row["stage"],
            row["sequence_tokens"],
            f"{row['rounds']} x {row['steps_per_round']}",
            f"{row['reader_tokens_per_second']:,.0f}",
            f"{row['device_tokens_per_second']:,.0f}",
            *(f"{row[name]:.4f}" for name in ("ratio", "ratio_median", "ratio_min", "ratio_max")),
            f"{row['reader_alone_tokens_per_second']:,.0f}",
            "met" if row["ratio"] >= GOAL_FEED_RATIO else "missed",
        )
        for row in rows
    ]
    return _table("FEED: throughput from the reader over that from the device", header, cells)


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(title: str, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [header, *(tuple(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    ]
    return "\n".join([title, *text])


_TABLES: dict[str, Callable[[Any], str]] = {
    "machine": _show_machine,
    "check": _show_check,
    "speed": _show_speed,
    "learn": _show_learn,
    "resume": _show_resume,
    "mask": _show_mask,
    "feed": _show_feed,
}
