import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.verification.code_extraction import extract_code
from synth.verification.code_tests import InputOutput, is_same_output, parse_tests
from synth.verification.mutation import mutants


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "no test"),
        ("x = 1", "no test"),
        ("def f(:", "neither JSON nor valid Python"),
        ([], "no test"),
        ([1, 2], "a list of int"),
        (["assert ("], r"tests\[0\]"),
        ([{"input": "1"}], "input and output"),
        ([{"input": "1", "output": 5}], "output is int"),
        ([{"input": "1", "output": "1", "testtype": "functional"}], "fn_name"),
        ({"inputs": ["1"], "outputs": []}, "1 inputs and 0 outputs"),
        ({"inputs": "1", "outputs": ["1"]}, "both be lists"),
        ({"x": 1}, r"keys \['x'\]"),
        ({"test": "def check(c):\n  assert c(1)"}, "entry_point"),
        (5, "int"),
    ],
)
def test_what_is_no_test_is_named(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_tests(value)


def test_json_as_text_is_as_good_as_decoded() -> None:
    value = {"inputs": ["1\n"], "outputs": ["2\n"]}
    assert parse_tests(json.dumps(value)) == parse_tests(value)
    assert parse_tests(value).pairs == (InputOutput("1\n", "2\n"),)


def test_sets_of_tests_are_joined_and_empty_ones_left_out() -> None:
    value = {
        "public_tests": {"input": ["1"], "output": ["1"]},
        "private_tests": {"input": [], "output": []},
        "generated_tests": {"input": ["2", "3"], "output": ["2", "3"]},
    }
    assert [pair.stdin for pair in parse_tests(value).pairs] == ["1", "2", "3"]


def test_the_setup_of_mbpp_stays() -> None:
    value = {"test_list": ["assert f(1)"], "test_setup_code": "import math"}
    assert parse_tests(value).setup == "import math"


@pytest.mark.parametrize(
    ("wanted", "found", "is_same"),
    [
        ("1 2\n3\n", "1 2 \n3", True),
        ("1\r\n2\r\n", "1\n2\n", True),
        ("0.5", "0.50000001", True),
        ("0.5", "0.501", False),
        ("1.0", "1", True),
        ("1", "1.0", False),
        ("10000000", "10000001", False),
        ("YES", "yes", False),
        ("1 2", "1\n2", False),
        ("", "\n", True),
        ("x 1.5", "y 1.5", False),
        ("1.5", "nan", False),
    ],
)
def test_outputs(wanted: str, found: str, is_same: bool) -> None:
    assert is_same_output(wanted, found) == is_same


@given(st.text(max_size=60))
def test_an_output_equals_itself_and_trailing_space(text: str) -> None:
    assert is_same_output(text, text)
    assert is_same_output(text, f"{text} \n\n")


SOLUTION = "def f():\n    return 1\n"


@pytest.mark.parametrize(
    ("completion", "code"),
    [
        (f"Text\n```python\n{SOLUTION}```\nmore", SOLUTION),
        (f"```py\n{SOLUTION}```\nUse:\n```python\nprint(f())\n```", SOLUTION),
        (f"```python\ndef f(): pass\n```\nBetter:\n```python\n{SOLUTION}```", SOLUTION),
        (f"<think>\n```python\ndef g(): pass\n```\n</think>\n```\n{SOLUTION}```", SOLUTION),
        (f"```bash\npip install x\n```\n```Python\n{SOLUTION}```", SOLUTION),
        (f"```python\n{SOLUTION}", SOLUTION),
        (f"~~~python\n{SOLUTION}~~~", SOLUTION),
        (f"````python\n{SOLUTION}````", SOLUTION),
        (SOLUTION, SOLUTION.strip()),
        ("```python\nprint(input())\n```", "print(input())\n"),
        ("Sorry.", None),
        ("I cannot do that, sorry", None),
        ("```python\ndef f(:\n```", None),
        ("", None),
    ],
)
def test_the_solution_in_a_completion(completion: str, code: str | None) -> None:
    assert extract_code(completion) == code


def test_the_block_with_the_entry_point_is_preferred() -> None:
    completion = f"```python\n{SOLUTION}```\n```python\ndef test_f():\n    assert f() == 1\n```"
    assert extract_code(completion, entry_point="f") == SOLUTION


@given(st.text(alphabet="`~python\n def:()1 =", max_size=200))
def test_extraction_gives_valid_python_or_nothing(text: str) -> None:
    code = extract_code(text)
    assert code is None or compile(code, "x", "exec", flags=0x400)


PROGRAM = '''"""Doc."""

def f(xs: "list", n: int = 3) -> "x":
    """Doc."""
    total = 0
    for x in xs:
        if x < n and not x == 2:
            total += x * 2
        else:
            continue
    if total < 0:
        raise ValueError("negative 1")
    return total

if __name__ == "__main__":
    print(f([1, 2]))
'''


def test_mutants_differ_are_valid_and_leave_alone_what_no_test_sees() -> None:
    found = mutants(PROGRAM, max_mutants=100)
    assert len(found) == len(set(found)) > 8
    for mutant in found:
        compile(mutant, "x", "exec")
        assert mutant.count('"""Doc."""') == 2
        assert "negative 1" in mutant
        assert "print(f([1, 2]))" in mutant
        assert "'list'" in mutant
    text = "\n".join(found)
    for change in ("x <= n", "x < n or", "x != 2", "total -= x", "x + 2", "x * 3", "return None",
                   "break", "int=4", "total <= 0"):  # fmt: skip
        assert change in text, change


@pytest.mark.parametrize("count", [1, 3, 7])
def test_mutants_are_bounded_and_spread(count: int) -> None:
    found = mutants(PROGRAM, max_mutants=count)
    assert 1 <= len(found) <= count
    assert set(found) <= set(mutants(PROGRAM, max_mutants=100))
    assert found == mutants(PROGRAM, max_mutants=count)


@pytest.mark.parametrize("source", ["", "def f(:", "pass", '"""Doc."""', "(" * 500, "x\0"])
def test_nothing_to_change(source: str) -> None:
    assert mutants(source, max_mutants=5) == []
