"""Names, lengths and docstrings of the source, and what may not stand in it."""

import ast
import re
from pathlib import Path

from tests.architecture.modules import REPOSITORY, repository_files, shipped

MAX_LINES = 600
"""A module beyond this holds more than one idea."""

NO_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager"}
"""Names that say nothing of the content, and so attract any."""

OLD_AND_NEW = re.compile(r"^(new|old)_|_(new|old)$|_?v\d+$")


FOREIGN = ("examples/corpus/", "tests/golden/")
"""What was collected elsewhere: it may be long, name any path, and be called anything."""


def own_files():
    """Files that this project wrote, by name."""
    names = {path.relative_to(REPOSITORY).as_posix(): path for path in repository_files()}
    return {name: path for name, path in names.items() if not name.startswith(FOREIGN)}


def python_files():
    return {name: path for name, path in own_files().items() if name.endswith(".py")}


def test_module_names_say_what_is_inside():
    stems = {part for name in python_files() for part in name.removesuffix(".py").split("/")}
    assert stems & NO_NAMES == set()
    assert {stem for stem in stems if OLD_AND_NEW.search(stem)} == set()


def test_no_module_is_longer_than_can_be_read_at_once():
    long = {
        name: lines
        for name, path in python_files().items()
        if (lines := path.read_bytes().count(b"\n")) > MAX_LINES
    }
    assert long == {}


def public_definitions(parent, prefix=""):
    """Functions, classes and methods whose names and whose classes' names are public."""
    for node in parent.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith("_"):
                continue
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node, f"{prefix}{node.name}.")


def test_everything_public_has_a_docstring():
    undocumented = [
        f"{module.name}.{name}"
        for module in shipped()
        for name, node in public_definitions(module.tree)
        if not ast.get_docstring(node)
    ]
    assert undocumented == []


def test_every_module_says_what_it_is_for():
    assert [module.name for module in shipped() if not ast.get_docstring(module.tree)] == []


def test_source_is_ascii():
    found = [
        f"{module.name}:{number}"
        for module in shipped()
        for number, line in enumerate(module.source.splitlines(), 1)
        if not line.isascii()
    ]
    assert found == []


MACHINE_PATHS = [f"/{folder}/" for folder in ("root", "work", "Users", "tmp/w")]
REGISTRY_SETTINGS = re.compile(r"--(extra-)?index-url|--find-links|--trusted-host")


def own_text_files():
    """Texts that this project wrote, by name; not this one, which must name what it looks for."""
    for name, path in own_files().items():
        if path == Path(__file__):
            continue
        try:
            yield name, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_no_path_of_a_machine_and_no_registry_is_named():
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in own_text_files()
        for number, line in enumerate(text.splitlines(), 1)
        if any(path in line for path in [*MACHINE_PATHS, str(REPOSITORY) + "/"])
        or REGISTRY_SETTINGS.search(line)
    ]
    assert found == []


def test_locked_requirements_name_versions_and_digests_and_no_address():
    locks = sorted((REPOSITORY / "requirements").glob("*.lock"))
    assert locks
    for lock in locks:
        text = lock.read_text()
        assert "://" not in text, lock.name
        pinned = re.findall(r"^[\w.\[\],-]+==\S+", text, re.MULTILINE)
        assert pinned
        assert text.count("--hash=sha256:") >= len(pinned), lock.name
