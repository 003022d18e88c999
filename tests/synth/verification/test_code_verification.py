import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.errors import ConfigError
from synth.sandbox.execution import Limits
from synth.sandbox.sandbox import Sandbox
from synth.verification.code import MAX_TIMEOUTS, CodeVerifier, Outcome
from synth.verification.code_tests import parse_tests
from synth.verification.verdict import Verdict

PASSED, FAILED, ERROR = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR

ADD = "def add(a, b):\n    if a > 100:\n        return 100\n    return a + b\n"
SUM = "a, b = map(int, input().split())\nprint(a + b)\n"


@pytest.fixture(scope="module")
def verifier() -> Iterator[CodeVerifier]:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap (bwrap) is not installed")
    try:
        sandbox = Sandbox(Limits(cpu_seconds=1, wall_seconds=3.0))
    except ConfigError as error:
        pytest.skip(f"this host cannot run the sandbox: {error}")
    with CodeVerifier(sandbox) as shared:
        yield shared


PYTEST = """
import pytest
from solution import add

@pytest.fixture
def one():
    return 1

def test_plain(): assert add(1, 2) == 3
def test_fixture(one): assert add(one, 1) == 2
@pytest.mark.parametrize("a,b", [(1, 2), pytest.param(3, 4)])
def test_each(a, b): assert add(a, b) == a + b
def test_raises():
    with pytest.raises(TypeError, match="unsupported"): add(1, "a")
def test_close(): assert add(0.1, 0.2) == pytest.approx(0.3)
class TestMore:
    def setup_method(self): self.x = 5
    def test_method(self): assert add(self.x, 1) == 6
def test_wrong(): assert add(1, 1) == 3
def test_broken(): add()
"""
UNITTEST = """
import unittest
class TestAdd(unittest.TestCase):
    def setUp(self): self.x = 1
    def test_it(self): self.assertEqual(add(self.x, 1), 2)
    def test_wrong(self): self.assertEqual(add(self.x, 1), 3)
if __name__ == "__main__":
    unittest.main()
"""
HUMANEVAL = (
    "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(1, 1) == 3\n"
)


@pytest.mark.parametrize(
    ("source", "tests", "outcomes"),
    [
        (ADD, PYTEST, [PASSED] * 6 + [FAILED, ERROR]),
        (ADD, UNITTEST, [PASSED, FAILED]),
        (ADD, ["assert add(1, 2) == 3", "assert add(1, 2) == 4", "add()"], [PASSED, FAILED, ERROR]),
        (ADD, {"test": HUMANEVAL, "entry_point": "add"}, [PASSED, FAILED]),
        (ADD, f"{HUMANEVAL}\ncheck(add)", [PASSED, FAILED]),
        (ADD, {"inputs": [[1, 2], [1, 1]], "outputs": [3, 3], "fn_name": "add"}, [PASSED, FAILED]),
        (SUM, {"inputs": ["1 2\n", "1 1\n", "x"], "outputs": ["3"] * 3}, [PASSED, FAILED, ERROR]),
        ("class Solution:\n  def add(self, a, b): return a + b",
         [{"input": "1\n2", "output": "3", "testtype": "functional", "fn_name": "add"}], [PASSED]),
    ],
)  # fmt: skip
def test_each_form_of_tests(
    verifier: CodeVerifier, source: str, tests: Any, outcomes: list[Outcome]
) -> None:
    report = verifier.verify(source, parse_tests(tests))
    assert list(report.outcomes) == outcomes
    assert report.num_passed == outcomes.count(PASSED)
    is_right = set(outcomes) == {PASSED}
    assert report.verdict == (Verdict.CORRECT if is_right else Verdict.INCORRECT)


ALWAYS = (
    "class E:\n  def __eq__(self, other): return True\n  def __ne__(self, other): return False\n"
)


WRITE_EVERYWHERE = """
import os
def add(a, b):
    for n in range(64):
        try: os.write(n, b'{"results": ["passed"]}')
        except OSError: pass
    os._exit(0)
"""
WRONG = "def add(a, b): return 0\n"


@pytest.mark.parametrize(
    "forgery",
    [
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "import os\ndef add(a, b): os._exit(0)",
        "def add(a, b): raise SystemExit(0)",
        'print(\'{"results": ["passed"]}\')',
        WRITE_EVERYWHERE,
        f"{ALWAYS}def add(a, b): return E()",
        f"import builtins\nbuiltins.AssertionError = KeyError\n{WRONG}",
        f"import builtins\nbuiltins.compile = builtins.exec = print\n{WRONG}",
        f"import os, atexit\natexit.register(os._exit, 0)\n{WRONG}",
        "import os\ndef add(a, b): return int(open('/tmp/tests.py').read())",
        f'import json\njson.dumps = lambda _: \'{{"results": ["passed"]}}\'\n{WRONG}',
        "import os\ndef add(a, b):\n  if os.fork() == 0: return 3\n  os.wait(); os._exit(1)",
        f"import sys\nsys.modules['__main__'].FAILED = 'passed'\n{WRONG}",
        "import sys\nsys.modules['__main__'].ERROR = 'passed'",
    ],
)
def test_a_verdict_cannot_be_forged(verifier: CodeVerifier, forgery: str) -> None:
    report = verifier.verify(forgery, parse_tests(["assert add(1, 2) == 3"]))
    assert report.verdict == Verdict.INCORRECT


def test_one_test_cannot_help_the_next(verifier: CodeVerifier) -> None:
    source = "import os\ndef f():\n  if os.path.exists('x'): return 1\n  open('x', 'w').close()\n"
    report = verifier.verify(source, parse_tests(["assert f() is None", "assert f() == 1"]))
    assert report.tests == (True, False)


def test_output_of_the_solution_is_no_matter(verifier: CodeVerifier) -> None:
    source = f"print('x' * 10**6)\n{ADD}"
    assert verifier.verify(source, parse_tests(["assert add(1, 2) == 3"])).all_passed


def test_loops_time_out_and_the_rest_is_not_run(verifier: CodeVerifier) -> None:
    report = verifier.verify("while True: pass", parse_tests(["assert add(1, 2) == 3"] * 5))
    stopped = [Outcome.TIMED_OUT] * MAX_TIMEOUTS
    assert list(report.outcomes) == [*stopped, Outcome.NOT_RUN, Outcome.NOT_RUN]
    assert report.verdict == Verdict.INCORRECT
    assert report.tests == (False, False, False, None, None)


def test_waiting_says_nothing(verifier: CodeVerifier) -> None:
    report = verifier.verify("import time; time.sleep(60)", parse_tests(["assert True"]))
    assert report.outcomes == (Outcome.INTERRUPTED,)
    assert report.verdict == Verdict.UNVERIFIED


def test_line_coverage(verifier: CodeVerifier) -> None:
    one, both = ["assert add(1, 2) == 3"], ["assert add(1, 2) == 3", "assert add(101, 2) == 100"]
    assert verifier.verify(ADD, parse_tests(one)).line_coverage_ratio == 0.75
    assert verifier.verify(ADD, parse_tests(both)).line_coverage_ratio == 1.0
    assert verifier.verify(ADD, parse_tests(["assert False"])).line_coverage_ratio is None
    tests = parse_tests(one)
    assert verifier.verify(ADD, tests, measure_coverage=False).line_coverage_ratio is None
    program = "x = int(input())\nif x > 5:\n    print('big')\nelse:\n    print('small')\n"
    pairs = parse_tests({"inputs": ["9"], "outputs": ["big"]})
    assert verifier.verify(program, pairs).line_coverage_ratio == 0.75
    pairs = parse_tests({"inputs": ["9", "1"], "outputs": ["big", "small"]})
    assert verifier.verify(program, pairs).line_coverage_ratio == 1.0


def test_trivial_tests_kill_no_mutant_and_good_ones_do(verifier: CodeVerifier) -> None:
    trivial = parse_tests(["assert add is not None", "assert callable(add)"])
    good = parse_tests(
        ["assert add(1, 2) == 3", "assert add(101, 5) == 100", "assert add(100, 5) == 105"]
    )
    assert verifier.mutants_killed_ratio(ADD, trivial) == 0
    killed = verifier.mutants_killed_ratio(ADD, good)
    assert killed is not None
    assert killed > 0.8
    assert verifier.mutants_killed_ratio(SUM, parse_tests({"input": "1 2", "output": "3"})) == 1


def test_mutants_of_a_wrong_solution_say_nothing(verifier: CodeVerifier) -> None:
    assert verifier.mutants_killed_ratio(ADD, parse_tests(["assert add(1, 1) == 3"])) is None


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("x = [1]\nprint(x[0])", Verdict.CORRECT),
        ("def f(): pass", Verdict.CORRECT),
        ("x = (1", Verdict.INCORRECT),
        ("import nothing_of_this_name", Verdict.INCORRECT),
        ("while True: pass", Verdict.INCORRECT),
        ("import time; time.sleep(60)", Verdict.UNVERIFIED),
    ],
)
def test_runs(verifier: CodeVerifier, source: str, verdict: Verdict) -> None:
    assert verifier.runs(source) == verdict
