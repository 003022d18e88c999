"""What is installed: five packages, with their data, and no tests."""

import tomllib

from setuptools import find_namespace_packages, find_packages

from tests.architecture.modules import PACKAGES, REPOSITORY, repository_files

SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
FOUND = find_packages(str(REPOSITORY), **SETTINGS["tool"]["setuptools"]["packages"]["find"])


def test_exactly_the_five_packages_are_installed():
    assert {name.partition(".")[0] for name in FOUND} == set(PACKAGES)


def test_no_folder_of_modules_is_left_out_for_want_of_an_init():
    with_modules = {
        name
        for name in find_namespace_packages(str(REPOSITORY), include=[f"{p}*" for p in PACKAGES])
        if any((REPOSITORY / name.replace(".", "/")).glob("*.py"))
    }
    assert with_modules - set(FOUND) == set()


def installed_data():
    """Paths of the data files that setuptools takes along."""
    patterns = SETTINGS["tool"]["setuptools"]["package-data"]
    return {
        path
        for package in FOUND
        for pattern in [*patterns["*"], *patterns.get(package, [])]
        for path in (REPOSITORY / package.replace(".", "/")).glob(pattern)
    }


def test_every_data_file_of_a_package_is_installed_with_it():
    in_packages = {
        path
        for path in repository_files()
        if path.suffix != ".py" and path.relative_to(REPOSITORY).parts[0] in PACKAGES
    }
    assert {str(path) for path in in_packages - installed_data()} == set()


def test_each_package_says_that_it_is_typed():
    untyped = [name for name in PACKAGES if not (REPOSITORY / name / "py.typed").exists()]
    assert untyped == []


def test_the_command_is_installed():
    module, _, function = SETTINGS["project"]["scripts"]["reasonmill"].partition(":")
    source = (REPOSITORY / module.replace(".", "/")).with_suffix(".py").read_text()
    assert f"def {function}(" in source
