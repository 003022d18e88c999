"""What a program may use, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run may use; all bounds hold for the run's processes together unless said otherwise.

    ``cpu_seconds`` decides whether a program is too slow, as it does not depend on what else the
    machine does; ``wall_seconds`` is the back-stop for programs that wait. ``memory_bytes`` bounds
    the address space of each process and what all of them hold together, ``processes`` counts
    threads too, ``file_bytes`` bounds one file, ``tmp_bytes`` and ``tmp_files`` all files, and
    ``output_bytes`` standard output and error together.

    The defaults are those of public judges of such programs: 4 to 10 seconds and 256 MiB to 1 GiB
    (LiveCodeBench allows 6 s, HumanEval 3 s, most problems of Codeforces 1 to 5 s and 256 MiB).
    """

    cpu_seconds: int = 5
    wall_seconds: float = 10.0
    memory_bytes: int = 512 << 20
    processes: int = 16
    file_bytes: int = 16 << 20
    tmp_bytes: int = 64 << 20
    tmp_files: int = 1024
    output_bytes: int = 200_000

    def __post_init__(self) -> None:
        """Raises ValueError for a limit that is not above zero."""
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"{name} is {value}; a limit must be above zero")


class Ending(StrEnum):
    """How a run ended. ``wall`` alone can depend on the load of the machine."""

    EXITED = "exited"
    """By itself, whatever the exit code."""
    CPU = "cpu"
    WALL = "wall"
    MEMORY = "memory"
    """Killed for holding too much together, or ended by an uncaught MemoryError."""
    OUTPUT = "output"
    """Wrote more than it may; what it wrote until then is kept."""
    KILLED = "killed"
    """By a signal: its own, a crash of the interpreter, or the kernel."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """A program's end. ``exit_code`` is null where it did not exit by itself.

    Texts are decoded as UTF-8 with replacement characters. Times are those of all processes of the
    run; they vary from run to run and belong in no record.
    """

    ending: Ending
    exit_code: int | None
    stdout: str
    stderr: str
    cpu_seconds: float
    wall_seconds: float

    @property
    def is_success(self) -> bool:
        """Whether it exited by itself with code 0."""
        return self.ending == Ending.EXITED and self.exit_code == 0
