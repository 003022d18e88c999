"""Progress of a stage as its workers' receipts come in: shards, rows, rate and time left.

Read from the receipts, so it works on every runner and never disagrees with what was written.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.stage import Stage

POLL_SECONDS = 1.0
LOG_SECONDS = 30.0
"""Seconds between two lines when the output is no terminal."""


class Progress:
    """Prints one line a stage, kept up to date on a terminal, now and then elsewhere."""

    def __init__(
        self, *, is_quiet: bool, details: Mapping[str, Callable[[StageFolder, float], str]]
    ) -> None:
        """``details`` say more of a stage, by its name: from its folder and the seconds it took."""
        self._is_quiet = is_quiet
        self._details = dict(details)
        self._is_terminal = sys.stderr.isatty()

    @contextmanager
    def watch(self, stage: Stage, folder: StageFolder) -> Iterator[None]:
        """Report on ``stage`` while the block runs."""
        if self._is_quiet:
            yield
            return
        if folder.read_manifest() is not None:
            self._line(f"{stage.name:<26} {stage.identity}  already done", is_final=True)
            yield
            return
        started = time.monotonic()
        stop = threading.Event()
        poller = threading.Thread(
            target=self._poll, args=(stage, folder, started, stop), daemon=True
        )
        poller.start()
        try:
            yield
        finally:
            stop.set()
            poller.join()
        manifest = folder.read_manifest()
        if manifest is not None:
            counts = manifest.counts
            seconds = time.monotonic() - started
            self._line(
                f"{stage.name:<26} {stage.identity}  {counts.rows_in:>9,} in = "
                f"{counts.kept:,} kept + {counts.rejected:,} rejected + {counts.failed:,} failed"
                f"  {seconds:6.1f} s",
                is_final=True,
            )

    def _poll(
        self, stage: Stage, folder: StageFolder, started: float, stop: threading.Event
    ) -> None:
        total = sum(stage.outputs.values())
        printed = started
        first: int | None = None
        while not stop.wait(POLL_SECONDS):
            done = sum(folder.count_receipts(output) for output in stage.outputs)
            first = done if first is None else first
            now = time.monotonic()
            if not self._is_terminal and now - printed < LOG_SECONDS:
                continue
            printed = now
            left = ""
            if done > first:
                seconds = (total - done) * (now - started) / (done - first)
                left = f", about {seconds:.0f} s left"
            said = f"{done} of {total} shard files, {now - started:.0f} s{left}"
            if stage.name in self._details:
                said = self._details[stage.name](folder, now - started)
            self._line(f"{stage.name:<26} {stage.identity}  {said}", is_final=False)

    def _line(self, text: str, *, is_final: bool) -> None:
        if self._is_terminal:
            sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if is_final else ""))
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()
