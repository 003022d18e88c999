"""Runs tests of a solution inside the sandbox; imports nothing of ours.

Reads a job from standard input: a line with the number of characters of the JSON that follows, the
JSON, and the nonce. The nonce is read only after the tests have run, so that no frame or object
holds it before. The report, behind the nonce, goes to a copy of standard output that the solution
does not know; what the solution prints goes nowhere.
"""

import ast
import builtins
import contextlib
import importlib
import inspect
import io
import json
import math
import os
import re
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

SOLUTION = "solution"
RELATIVE_TOLERANCE = 1e-6
PASSED, FAILED, ERROR = "passed", "failed", "error"


class ForgedEqualityError(Exception):
    """An object says that it equals everything."""


def _is_equal(one: Any, other: Any) -> Any:
    """``one == other``, refusing an object that also equals one it can know nothing of."""
    found = one == other
    if any(type(value).__module__ != "builtins" and _equals_all(value) for value in (one, other)):
        raise ForgedEqualityError("the object equals everything")
    return found


def _equals_all(value: Any) -> bool:
    try:
        return (value == object()) is True
    except Exception:  # noqa: BLE001 - a comparison that expects its own kind
        return False


class _Equality(ast.NodeTransformer):
    """Sends every single ``==`` of the tests through :func:`_is_equal`."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq):
            return node
        name = ast.Name("__is_equal__", ast.Load())
        return ast.Call(name, [node.left, node.comparators[0]], [])


def _compile(source: str, name: str) -> types.CodeType:
    tree = ast.fix_missing_locations(_Equality().visit(ast.parse(source)))
    return compile(tree, name, "exec", dont_inherit=True)


class Approximate:
    """``pytest.approx``: numbers within a tolerance, alone or in lists and dicts."""

    def __init__(self, wanted: Any, rel: float | None = None, abs: float | None = None) -> None:  # noqa: A002
        self._wanted = wanted
        self._relative = RELATIVE_TOLERANCE if rel is None else rel
        self._absolute = 1e-12 if abs is None else abs

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return is_close(self._wanted, other, self._relative, self._absolute)


def is_close(wanted: Any, found: Any, relative: float, absolute: float) -> bool:
    """Equal but for the last digits of floats; a tuple is as good as a list."""
    if isinstance(wanted, list | tuple) and isinstance(found, list | tuple):
        pairs = zip(wanted, found, strict=False)
        is_same_size = len(wanted) == len(found)
        return is_same_size and all(is_close(a, b, relative, absolute) for a, b in pairs)
    if isinstance(wanted, dict) and isinstance(found, dict):
        return wanted.keys() == found.keys() and all(
            is_close(value, found[key], relative, absolute) for key, value in wanted.items()
        )
    is_number = isinstance(wanted, int | float) and isinstance(found, int | float)
    if is_number and not isinstance(wanted, bool):
        return math.isclose(wanted, found, rel_tol=relative, abs_tol=absolute)
    return bool(wanted == found)


class _Raised:
    value: Any = None
    type: Any = None


@contextlib.contextmanager
def _raises(expected: Any, *, match: str | None = None) -> Iterator[_Raised]:
    raised = _Raised()
    try:
        yield raised
    except expected as error:
        if match is not None and not re.search(match, str(error)):
            raise AssertionError(f"{error!r} does not match {match!r}") from error
        raised.value, raised.type = error, type(error)
        return
    raise AssertionError(f"did not raise {expected!r}")


def _raises_or_calls(expected: Any, *call: Any, **named: Any) -> Any:
    if not call:
        return _raises(expected, **named)
    with _raises(expected) as raised:
        call[0](*call[1:], **named)
    return raised


def _parametrize(names: Any, cases: Any, **_: Any) -> Callable[[Any], Any]:
    listed = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)

    def decorate(test: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> None:
            for case in cases:
                values = getattr(case, "values_of_case", case)
                values = (values,) if len(listed) == 1 and values is case else values
                test(*arguments, **{**named, **dict(zip(listed, values, strict=True))})

        signature = inspect.signature(test)
        left = [p for name, p in signature.parameters.items() if name not in listed]
        run.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return run

    return decorate


class _Param:
    def __init__(self, *values: Any, **_: Any) -> None:
        self.values_of_case = values


class _Marks:
    parametrize = staticmethod(_parametrize)

    def __getattr__(self, name: str) -> Any:
        """Any other mark changes nothing, with arguments or without."""

        def mark(*arguments: Any, **_: Any) -> Any:
            is_bare = len(arguments) == 1 and callable(arguments[0])
            return arguments[0] if is_bare else lambda test: test

        return mark


_FIXTURES: dict[str, Any] = {}


def _fixture(*arguments: Any, **_: Any) -> Any:
    def keep(function: Any) -> Any:
        _FIXTURES[function.__name__] = function
        return function

    return keep(arguments[0]) if arguments and callable(arguments[0]) else keep


def _pytest_shim() -> types.ModuleType:
    shim = types.ModuleType("pytest")
    vars(shim).update(
        raises=_raises_or_calls,
        approx=Approximate,
        mark=_Marks(),
        param=_Param,
        fixture=_fixture,
        main=lambda *_, **__: 0,
    )
    return shim


def _call_with_fixtures(function: Any) -> Any:
    values = {}
    for name in inspect.signature(function).parameters:
        if name not in _FIXTURES:
            raise LookupError(f"fixture {name!r} is not known")
        made = _call_with_fixtures(_FIXTURES[name])
        values[name] = next(made) if inspect.isgenerator(made) else made
    return function(**values)


def _call_test(owner: Any, name: str) -> None:
    """A test function of a namespace, or ``Class.method`` of pytest's or unittest's kind."""
    first, _, method = name.partition(".")
    found = owner[first]
    if not method:
        _call_with_fixtures(found)
    elif hasattr(found, "debug"):
        found(method).debug()
    else:
        case = found()
        for before in ("setup_method", "setUp"):
            if hasattr(case, before):
                getattr(case, before)()
        _call_with_fixtures(getattr(case, method))


def _check_call(namespace: dict[str, Any], name: str, arguments: list[Any], wanted: Any) -> None:
    """A function of the solution, or a method of its class ``Solution``, gives ``wanted``."""
    if name not in namespace and "Solution" in namespace:
        found = getattr(namespace["Solution"](), name)(*arguments)
    else:
        found = namespace[name](*arguments)
    if not is_close(wanted, found, RELATIVE_TOLERANCE, RELATIVE_TOLERANCE):
        raise AssertionError(f"{found!r} is not {wanted!r}")


def _run_program(source: str, stdin: str) -> None:
    """The solution as a script, its output unread; for the lines that it executes."""
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode("utf-8", "surrogatepass")))
    with open(0, "wb", closefd=False, buffering=0) as file:  # for those that read descriptor 0
        os.ftruncate(0, 0)
        os.lseek(0, 0, os.SEEK_SET)
        file.write(stdin.encode("utf-8", "surrogatepass"))
        os.lseek(0, 0, os.SEEK_SET)
    code = compile(source, os.path.abspath(f"{SOLUTION}.py"), "exec", dont_inherit=True)  # noqa: PTH100
    with contextlib.suppress(SystemExit):
        exec(code, {"__name__": "__main__", "__builtins__": builtins})  # noqa: S102


def _run_one(test: dict[str, Any], job: dict[str, Any], names: dict[str, Any]) -> str:
    try:
        if "stdin" in test:
            _run_program(job["source"], test["stdin"])
        elif "call" in test:
            _check_call(names, test["call"], test["arguments"], test["wanted"])
        elif "function" in test:
            _call_test(names, test["function"])
        else:
            exec(_compile(test["code"], "<test>"), names)  # noqa: S102
    except AssertionError:
        return FAILED
    except BaseException:  # noqa: BLE001 - whatever a solution raises, an exit included, is its error
        return ERROR
    return PASSED


class Coverage:
    """Lines of the solution that were executed; stops watching code of which none is left."""

    def __init__(self, source: str, path: str) -> None:
        self._path = path
        self._left: dict[types.CodeType, set[int]] = {}
        self.seen: set[int] = set()
        self.executable = _lines(compile(source, path, "exec", dont_inherit=True))

    def start(self) -> None:
        """Watch what is executed from now on."""
        sys.settrace(self._enter)

    def _enter(self, frame: types.FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        if code.co_filename != self._path:
            return None
        left = self._left.get(code)
        if left is None:
            left = self._left[code] = {line for _, _, line in code.co_lines() if line}
        return self._step if left else None

    def _step(self, frame: types.FrameType, event: str, _argument: Any) -> Any:
        left = self._left[frame.f_code]
        if event == "line":
            self.seen.add(frame.f_lineno)
            left.discard(frame.f_lineno)
        return self._step if left else None


def _lines(code: types.CodeType) -> set[int]:
    """Lines with instructions of ``code`` and all code in it, as ``line`` events report them."""
    first = code.co_firstlineno if code.co_name != "<module>" else 0
    found = {line for _, _, line in code.co_lines() if line and line != first}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _lines(constant)
    return found


def _prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Names that the tests see: those of the solution, then those of their own setup."""
    original = dict(vars(builtins))
    sys.modules["pytest"] = _pytest_shim()
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    names = dict(vars(importlib.import_module(SOLUTION)))
    vars(builtins).update(original)
    if not job["is_covered"]:
        sys.settrace(None)
    names.update(__name__="tests", __is_equal__=_is_equal)
    exec(_compile(job["setup"], "<tests>"), names)  # noqa: S102
    return names


def _report(job: dict[str, Any]) -> dict[str, Any]:
    results: list[str] = []
    coverage = None
    names: dict[str, Any] = {}
    is_program = all("stdin" in test for test in job["tests"])
    if job["is_covered"]:
        path = os.path.abspath(f"{SOLUTION}.py")  # noqa: PTH100
        coverage = Coverage(job["source"], path)
        coverage.start()
    try:
        if not is_program:
            names = _prepare(job)
    except BaseException:  # noqa: BLE001 - as in _run_one
        results = [ERROR] * len(job["tests"])
    else:
        for test in job["tests"]:
            results.append(_run_one(test, job, names))
            if job["stops_at_failure"] and results[-1] != PASSED:
                break
    sys.settrace(None)
    report: dict[str, Any] = {"results": results}
    if coverage is not None:
        seen = coverage.seen & coverage.executable
        report["lines"] = [len(seen), len(coverage.executable)]
    return report


def main() -> None:
    """Run the job of standard input."""
    job_file, report_file = os.dup(0), os.dup(1)
    nothing = os.open("/dev/null", os.O_RDWR)
    scratch = os.open("/tmp/.stdin", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)  # noqa: S108
    os.unlink("/tmp/.stdin")  # noqa: S108, PTH108
    os.dup2(scratch, 0)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    header = b""
    while not header.endswith(b"\n"):
        header += os.read(job_file, 1)
    left, body = int(header), b""
    while left:
        piece = os.read(job_file, left)
        body += piece
        left -= len(piece)
    sys.modules["__main__"] = types.ModuleType("__main__")  # this one is not the solution's to find
    write, read, leave, dump = os.write, os.read, os._exit, json.dumps
    report = _report(json.loads(body))
    write(report_file, read(job_file, 64) + dump(report).encode())
    leave(0)  # nothing that the solution registered runs after the report


if __name__ == "__main__":
    main()
