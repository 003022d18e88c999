import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.code import notebook
from extractors.extraction import NotADocumentError
from pipeline.errors import ExtractionError


def markdown(source: object) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source}


def program(source: object, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def written(*cells: dict[str, Any], **metadata: Any) -> bytes:
    return json.dumps({"nbformat": 4, "metadata": metadata, "cells": cells}).encode()


def shown(**data: object) -> dict[str, Any]:
    return {
        "output_type": "display_data",
        "data": {key.replace("_", "/"): value for key, value in data.items()},
    }


def test_cells_come_out_in_order_with_title_and_counts() -> None:
    found = notebook.extract(
        written(
            markdown(["# Roots\n", "Solve $x^2=2$ and $$y=1$$"]),
            program("x = 2", {"output_type": "stream", "text": ["1\n", "2\n"]}),
            program(""),
            language_info={"name": "julia"},
        )
    )
    assert found.text == (
        "# Roots\nSolve $x^2=2$ and $$y=1$$\n\n```julia\nx = 2\n```\n\n```\n1\n2\n```\n"
    )
    assert (found.title, found.media_type, found.code) == (
        "Roots",
        "application/x-ipynb+json",
        None,
    )
    assert (found.structure.formulas_found, found.structure.formulas_kept) == (2, 2)
    assert (found.structure.code_blocks_found, found.structure.code_blocks_kept) == (1, 1)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (shown(text_latex="x^2", text_plain="x**2"), "$$x^2$$"),
        (shown(text_latex="$x^2$"), "$x^2$"),
        (shown(text_html="<b>1</b>", text_plain="1"), "```\n1\n```"),
        (
            {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["long", "frames"]},
            "```\nE: v\n```",
        ),
        ({"output_type": "stream", "text": "\x1b[31mred\x1b[0m"}, "```\nred\n```"),
    ],
)
def test_an_output_is_kept_as_text(output: dict[str, Any], expected: str) -> None:
    assert notebook.extract(written(program("f()", output))).text.endswith(f"```\n\n{expected}\n")


@pytest.mark.parametrize("kind", ["image_png", "text_html", "application_javascript"])
def test_an_output_without_text_leaves_nothing(kind: str) -> None:
    text = notebook.extract(written(program("f()", shown(**{kind: "iVBORw0KGgo"})))).text
    assert text == "```python\nf()\n```\n"


def test_a_long_output_ends_at_the_bound() -> None:
    lines = [f"{number}\n" for number in range(notebook.MAX_OUTPUT_LINES + 10)]
    text = notebook.extract(written(program("f()", {"output_type": "stream", "text": lines}))).text
    assert f"\n{notebook.MAX_OUTPUT_LINES - 1}\n...\n```\n" in text


def test_a_fence_is_longer_than_the_backticks_inside() -> None:
    text = notebook.extract(written(program("s = '''\n```\n'''"))).text
    assert text.startswith("````python\n")
    assert text.endswith("\n````\n")


def test_format_3_is_read() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Part"},
        {
            "cell_type": "code",
            "input": "1/0",
            "language": "python",
            "outputs": [{"output_type": "pyerr", "ename": "ZeroDivisionError", "evalue": "by 0"}],
        },
    ]
    payload = json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}).encode()
    assert notebook.extract(payload).text == (
        "## Part\n\n```python\n1/0\n```\n\n```\nZeroDivisionError: by 0\n```\n"
    )


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"{}", b"\xff\xfe\xff", b"[" * 100_000])
def test_what_is_no_notebook_fails(payload: bytes) -> None:
    with pytest.raises(ExtractionError):
        notebook.extract(payload)


@pytest.mark.parametrize("cells", [[], [markdown("")], [program(" \n")]])
def test_a_notebook_without_text_is_judged_empty(cells: list[dict[str, Any]]) -> None:
    with pytest.raises(NotADocumentError, match=r"text\.empty"):
        notebook.extract(written(*cells))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["cells", "cell_type", "source", "outputs", "data", "text/latex", "level"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.binary(max_size=100)
    | st.fixed_dictionaries({"cells": st.lists(JSON), "metadata": JSON}).map(
        lambda value: json.dumps(value).encode()
    )
    | st.fixed_dictionaries({"worksheets": JSON}).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_read_judged_or_failed(payload: bytes) -> None:
    try:
        found = notebook.extract(payload)
    except (NotADocumentError, ExtractionError):
        return
    assert found.text.strip()
    found.text.encode()
