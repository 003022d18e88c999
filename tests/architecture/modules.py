"""The modules of the repository and what each imports, read from their source."""

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("pipeline", "extractors", "filters", "synth", "mixtures")


@dataclass(frozen=True)
class Module:
    """A module that is shipped: its dotted name, path and source."""

    name: str
    path: Path

    @property
    def source(self) -> str:
        """The text of the file."""
        return self.path.read_text(encoding="utf-8")

    @property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.source, str(self.path))


@cache
def shipped() -> tuple[Module, ...]:
    """Every module of the five packages, sorted by name."""
    found = []
    for package in PACKAGES:
        for path in (REPOSITORY / package).rglob("*.py"):
            parts = path.relative_to(REPOSITORY).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Module(name, path))
    return tuple(sorted(found, key=lambda module: module.name))


def imports_of(module: Module) -> set[str]:
    """Dotted names of all modules that ``module`` imports, wherever in it the import stands.

    ``from a import b`` counts as ``a.b`` where that is a module of ours, and as ``a`` otherwise.
    """
    ours = {one.name for one in shipped()}
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                is_package = module.path.name == "__init__.py"
                parents = module.name.split(".")[: None if is_package else -1]
                base = parents[: len(parents) - node.level + 1]
                source = ".".join([*base, *([source] if source else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                found.add(inner if inner in ours else source)
    return found


def is_below(name: str, parent: str) -> bool:
    """Whether ``name`` is ``parent`` or lies inside of it."""
    return name == parent or name.startswith(f"{parent}.")


@cache
def repository_files() -> tuple[Path, ...]:
    """Files that git tracks or would track; those of the packages where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    names = listed.stdout.decode().split("\0") if listed.returncode == 0 else []
    found = [REPOSITORY / name for name in names if name]
    if not found:
        found = [path for package in PACKAGES for path in (REPOSITORY / package).rglob("*")]
    return tuple(path for path in found if path.is_file() and "__pycache__" not in path.parts)
