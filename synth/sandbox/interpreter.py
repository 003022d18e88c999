"""Which Python runs the programs: ours if a user without rights may use it, else the system's."""

import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ConfigError

MIN_VERSION = (3, 11)
SYSTEM_FOLDER = Path("/usr")
SYSTEM = SYSTEM_FOLDER / "bin" / "python3"

HIDDEN_FOLDER = Path("/tmp")  # noqa: S108
"""Covered by the program's own files: an interpreter below it would lose its library."""


@dataclass(frozen=True)
class Interpreter:
    """``executable`` as it is called, and the folder beside ``/usr`` that it needs, if any.

    It runs with its standard library only: no installed packages, as results would then depend on
    what a machine happens to have.
    """

    executable: Path
    prefix: Path | None = None


def choose_interpreter(*, has_owner_rights: bool) -> Interpreter:
    """This process's own interpreter behind any virtual environment, else ``/usr/bin/python3``.

    ``has_owner_rights`` says whether programs run as this process's user. Otherwise, that is for
    root, what lies below a private home is out of reach. Raises ConfigError when neither will do.
    """
    own = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    prefix = Path(sys.base_prefix).resolve()
    found = own.resolve()
    is_hidden = prefix.is_relative_to(HIDDEN_FOLDER)
    if found.is_file() and not is_hidden and (has_owner_rights or _is_open_to_all(found)):
        is_system = prefix.is_relative_to(SYSTEM_FOLDER)
        return Interpreter(found, None if is_system else prefix)
    if SYSTEM.is_file() and _version_of(SYSTEM) >= MIN_VERSION:
        return Interpreter(SYSTEM.resolve())
    raise ConfigError(
        f"programs cannot be run: {own} cannot be read by a user without rights or is below "
        f"{HIDDEN_FOLDER}, and there is no {SYSTEM} of Python "
        f"{'.'.join(map(str, MIN_VERSION))} or later; run as an ordinary user, or install one of "
        "both where all can read it"
    )


def _is_open_to_all(file: Path) -> bool:
    needed = stat.S_IROTH | stat.S_IXOTH
    modes = [place.stat().st_mode for place in (file, *file.parents)]
    return modes[0] & needed == needed and all(mode & stat.S_IXOTH for mode in modes[1:])


def _version_of(executable: Path) -> tuple[int, ...]:
    """From the name of the file behind the link, ``python3.12``: nothing is started."""
    name = executable.resolve().name.removeprefix("python")
    parts = name.split(".")
    return tuple(int(part) for part in parts) if all(p.isdigit() for p in parts) else ()
