import re

from pipeline.errors import trace


def raise_deep(depth):
    if depth == 0:
        raise ValueError("here")
    raise_deep(depth - 1)


def caught():
    try:
        raise_deep(2)
    except ValueError as error:
        return error
    raise AssertionError


def test_a_trace_names_every_frame_by_module_function_and_line():
    lines = trace(caught()).splitlines()
    assert len(lines) == 4
    assert re.fullmatch(rf"{__name__}\.caught:\d+", lines[0])
    assert re.fullmatch(rf"{__name__}\.raise_deep:\d+", lines[-1])


def test_a_trace_names_no_file_of_the_machine():
    assert "/" not in trace(caught())
    assert ".py" not in trace(caught())


def test_an_error_that_was_never_raised_has_no_trace():
    assert trace(ValueError("made, not raised")) == ""
