"""Tests of code in the forms that problem files have, as one structure.

* Python source with ``def test_...`` or ``class Test...`` (KodCode), of pytest's or unittest's
  kind. Of pytest there are ``raises``, ``approx``, ``param``, ``mark`` (``parametrize`` works, a
  parametrised function is one test) and ``fixture``; built-in fixtures such as ``capsys`` are not
  there, and a test that asks for one is an error.
* A list of statements (MBPP), or source with assertions outside of functions.
* Source with ``check(candidate)`` and an entry point (HumanEval). Where ``check`` holds nothing
  but assertions each is a test of its own.
* Pairs of standard input and output (APPS, CodeContests, LiveCodeBench); with ``fn_name``, calls.
"""

import ast
import json
import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FLOAT_TOLERANCE = 1e-6
"""Relative or absolute, whichever allows more: what problem statements commonly allow."""

MAX_TESTS_CHARS = 64 << 20
"""Longer ones are refused: CodeContests has problems with tens of MB of generated tests."""


@dataclass(frozen=True)
class InputOutput:
    """What a program reads and what it should write."""

    stdin: str
    stdout: str


@dataclass(frozen=True)
class CodeTests:
    """Either ``pairs``, for a program, or ``checks``, for its functions; in the order given.

    Each check is a JSON object that ``code_harness`` understands: ``code`` to execute, the name of
    a test ``function``, or a ``call`` with ``arguments`` and the value ``wanted``. ``setup`` is
    source that comes before each.
    """

    pairs: tuple[InputOutput, ...] = ()
    checks: tuple[Mapping[str, Any], ...] = ()
    setup: str = field(default="", kw_only=True)

    def __len__(self) -> int:
        return len(self.pairs) + len(self.checks)


def parse_tests(value: str | list[Any] | Mapping[str, Any]) -> CodeTests:
    """Tests from the field ``tests`` of a problem: source, or JSON as text or decoded.

    Raises ValueError that says what is wrong, also where there is no test at all.
    """
    if isinstance(value, str):
        if len(value) > MAX_TESTS_CHARS:
            raise ValueError(f"tests have {len(value)} characters, limit {MAX_TESTS_CHARS}")
        value = _decoded(value)
    if isinstance(value, str):
        tests = _from_source(value, entry_point=None)
    elif isinstance(value, list):
        tests = _from_list(value)
    elif isinstance(value, Mapping):
        tests = _from_mapping(value)
    else:
        raise ValueError(f"tests are {type(value).__name__}; text, a list or an object is needed")  # noqa: TRY004
    if not len(tests):
        raise ValueError(
            "tests hold no test: no pair, assertion, test function or check(candidate)"
        )
    return tests


def is_same_output(wanted: str, found: str) -> bool:
    """Whether a program wrote what it should.

    White space at the ends of lines and of the text does not count; floats may differ by
    ``FLOAT_TOLERANCE``.
    """
    wanted_lines, found_lines = _stripped(wanted), _stripped(found)
    if wanted_lines == found_lines:
        return True
    if len(wanted_lines) != len(found_lines):
        return False
    return all(map(_is_same_line, wanted_lines, found_lines))


def _is_same_line(wanted: str, found: str) -> bool:
    if wanted == found:
        return True
    wanted_words, found_words = wanted.split(), found.split()
    return len(wanted_words) == len(found_words) and all(
        map(_is_same_word, wanted_words, found_words)
    )


def _is_same_word(wanted: str, found: str) -> bool:
    if wanted == found:
        return True
    if not any(mark in wanted for mark in ".eE"):  # integers are exact
        return False
    try:
        numbers = float(wanted), float(found)
    except ValueError:
        return False
    return math.isclose(*numbers, rel_tol=FLOAT_TOLERANCE, abs_tol=FLOAT_TOLERANCE)


def _stripped(text: str) -> list[str]:
    return [line.rstrip() for line in text.replace("\r\n", "\n").rstrip().split("\n")]


def _decoded(text: str) -> Any:
    if text.lstrip()[:1] not in ("[", "{", '"'):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _from_list(values: list[Any]) -> CodeTests:
    if all(isinstance(value, str) for value in values):
        for number, value in enumerate(values):
            _parse(value, f"tests[{number}]")
        return CodeTests(checks=tuple({"code": value} for value in values))
    if not all(isinstance(value, Mapping) for value in values):
        kinds = sorted({type(value).__name__ for value in values})
        raise ValueError(f"tests are a list of {', '.join(kinds)}; texts or objects are needed")
    pairs, checks = [], []
    for number, value in enumerate(values):
        where = f"tests[{number}]"
        if "input" not in value or "output" not in value:
            raise ValueError(f"{where} has {sorted(value)}; input and output are needed")
        name = value.get("fn_name") or value.get("func_name")
        if value.get("testtype") == "functional" and not name:
            raise ValueError(f"{where} is functional and has no fn_name")
        if name:
            checks.append(_call(name, value["input"], value["output"], where))
        else:
            pairs.append(_pair(value["input"], value["output"], where))
    if pairs and checks:
        raise ValueError("tests mix pairs of input and output with calls of functions")
    return CodeTests(tuple(pairs), tuple(checks))


_SETS = (
    "public_tests",
    "private_tests",
    "generated_tests",
    "public_test_cases",
    "private_test_cases",
)


def _from_mapping(value: Mapping[str, Any]) -> CodeTests:
    if any(name in value for name in _SETS):
        parts = [_part(value[name], value) for name in _SETS if value.get(name)]
        return CodeTests(
            tuple(pair for part in parts for pair in part.pairs),
            tuple(check for part in parts for check in part.checks),
        )
    for inputs, outputs in (("inputs", "outputs"), ("input", "output")):
        if inputs in value and outputs in value:
            return _from_columns(value, inputs, outputs)
    if "test_list" in value:
        lines = [*_lines_of(value, "test_list"), *_lines_of(value, "challenge_test_list")]
        setup = [*_lines_of(value, "test_setup_code"), *_lines_of(value, "test_imports")]
        source = "\n".join(setup)
        _parse(source, "tests.test_setup_code")
        return CodeTests(checks=_from_list(lines).checks, setup=source)
    if isinstance(value.get("test"), str):
        entry_point = value.get("entry_point")
        if not isinstance(entry_point, str | None):
            raise ValueError(  # noqa: TRY004
                f"tests.entry_point is {type(entry_point).__name__}; text is needed"
            )
        return _from_source(value["test"], entry_point=entry_point)
    raise ValueError(
        f"tests have the keys {sorted(map(str, value))}; known are inputs and outputs, input and "
        "output, test_list, test and entry_point, and public_tests with private_tests"
    )


def _part(value: Any, whole: Mapping[str, Any]) -> CodeTests:
    decoded = _decoded(value) if isinstance(value, str) else value
    name = whole.get("fn_name") or whole.get("func_name")
    if name and isinstance(decoded, list):
        decoded = [{"fn_name": name, **each} for each in decoded if isinstance(each, Mapping)]
    if isinstance(decoded, Mapping) and not any(decoded.values()):
        return CodeTests()  # CodeContests has empty columns
    if isinstance(decoded, list):
        return _from_list(decoded)
    if isinstance(decoded, Mapping):
        return _from_mapping(decoded)
    raise ValueError(f"a set of tests is {type(decoded).__name__}; a list or an object is needed")


def _from_columns(value: Mapping[str, Any], inputs: str, outputs: str) -> CodeTests:
    columns = [value[inputs], value[outputs]]
    if all(isinstance(column, str) for column in columns):
        columns = [[column] for column in columns]
    if not all(isinstance(column, list) for column in columns):
        raise ValueError(f"tests.{inputs} and tests.{outputs} must both be lists or both be texts")
    if len(columns[0]) != len(columns[1]):
        raise ValueError(
            f"tests have {len(columns[0])} {inputs} and {len(columns[1])} {outputs}; as many of "
            "both are needed"
        )
    name = value.get("fn_name")
    rows = [(*row, f"tests[{number}]") for number, row in enumerate(zip(*columns, strict=True))]
    if name:
        return CodeTests(checks=tuple(_call(name, *row) for row in rows))
    return CodeTests(tuple(_pair(*row) for row in rows))


def _pair(stdin: Any, stdout: Any, where: str) -> InputOutput:
    texts = []
    for name, value in (("input", stdin), ("output", stdout)):
        # APPS has lists of lines in some problems.
        lines = "\n".join(map(str, value)) if isinstance(value, list) else value
        if not isinstance(lines, str):
            raise ValueError(f"{where}: {name} is {type(value).__name__}; text is needed")  # noqa: TRY004
        texts.append(lines)
    return InputOutput(*texts)


def _call(name: str, arguments: Any, wanted: Any, where: str) -> dict[str, Any]:
    """A call: arguments as a list (APPS) or as lines of JSON (LiveCodeBench)."""
    if isinstance(arguments, str):
        try:
            arguments = [json.loads(line) for line in arguments.splitlines() if line.strip()]
        except ValueError as error:
            raise ValueError(f"{where}: input has a line that is no JSON: {error}") from error
        try:
            wanted = json.loads(wanted) if isinstance(wanted, str) else wanted
        except ValueError as error:
            raise ValueError(f"{where}: output is no JSON: {error}") from error
    elif isinstance(wanted, list) and len(wanted) == 1:
        wanted = wanted[0]  # APPS wraps the value
    if not isinstance(arguments, list):
        raise ValueError(  # noqa: TRY004
            f"{where}: input is {type(arguments).__name__}; a list is needed"
        )
    return {"call": name, "arguments": arguments, "wanted": wanted}


def _lines_of(value: Mapping[str, Any], name: str) -> list[str]:
    found = value.get(name) or []
    lines = [found] if isinstance(found, str) else found
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise ValueError(f"tests.{name} must be text or a list of texts")
    return lines


def _from_source(source: str, *, entry_point: str | None) -> CodeTests:
    tree = _parse(source, "tests")
    names = list(_test_functions(tree))
    if names:
        setup = _without(tree, is_left_out=_is_main_guard)
        return CodeTests(checks=tuple({"function": name} for name in names), setup=setup)
    check = next(
        (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "check"), None
    )
    if check is not None and len(check.args.args) == 1:
        return _from_check(tree, check, entry_point or _checked_name(tree))
    checks = [node for node in tree.body if isinstance(node, ast.Assert)]
    setup = _without(tree, is_left_out=lambda node: isinstance(node, ast.Assert))
    return CodeTests(checks=tuple({"code": ast.unparse(node)} for node in checks), setup=setup)


def _from_check(tree: ast.Module, check: ast.FunctionDef, entry_point: str | None) -> CodeTests:
    if entry_point is None:
        raise ValueError("tests define check(candidate) and name no entry_point")
    setup = _without(tree, is_left_out=_is_call_of_check)
    asserts = [node for node in check.body if isinstance(node, ast.Assert)]
    others = [node for node in check.body if not isinstance(node, ast.Assert | ast.Pass)]
    if not asserts or any(not _is_text(node) for node in others):
        return CodeTests(checks=({"code": f"check({entry_point})"},), setup=setup)
    candidate = check.args.args[0].arg
    setup += f"\n{candidate} = {entry_point}"
    return CodeTests(checks=tuple({"code": ast.unparse(node)} for node in asserts), setup=setup)


def _checked_name(tree: ast.Module) -> str | None:
    """``f`` of a statement ``check(f)``."""
    for node in tree.body:
        if _is_call_of_check(node):
            call = node.value  # type: ignore[attr-defined]
            if len(call.args) == 1 and isinstance(call.args[0], ast.Name):
                return str(call.args[0].id)
    return None


def _test_functions(tree: ast.Module) -> Iterable[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield node.name
        elif isinstance(node, ast.ClassDef) and "test" in node.name.lower():
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name.startswith("test"):
                    yield f"{node.name}.{inner.name}"


def _without(tree: ast.Module, *, is_left_out: Any) -> str:
    kept = [node for node in tree.body if not is_left_out(node)]
    return ast.unparse(ast.Module(kept, []))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_call_of_check(node: ast.stmt) -> bool:
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return is_call and getattr(node.value.func, "id", None) == "check"  # type: ignore[attr-defined]


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _parse(source: str, where: str) -> ast.Module:
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{where} is neither JSON nor valid Python: {error}") from error
