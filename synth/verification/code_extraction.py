"""The program in a completion: which of its fenced blocks is the solution."""

import ast
import re
import warnings
from collections.abc import Iterator

MAX_SOURCE_CHARS = 1 << 18
"""A longer program is no solution that a model wrote; parsing costs memory by the character."""

_PYTHON = frozenset({"python", "python3", "py", "py3", "python2"})
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([^\s`{]*)[^`]*")
_THOUGHT_END = "</think>"


def extract_code(completion: str, *, entry_point: str | None = None) -> str | None:
    """Source of the solution in ``completion``; None where there is none that is valid Python.

    Only what follows the reasoning counts. Of the blocks marked as Python (else those without a
    mark) it is the last one that defines ``entry_point`` or, without one, anything; a last block
    that only calls what another defines shows its use. A block that is cut off counts as it is. A
    completion without fences is taken whole.
    """
    text = completion.rpartition(_THOUGHT_END)[2].replace("\r\n", "\n")
    blocks = list(_blocks(text))
    if not blocks:
        whole = text.strip("\n")
        tree = _parse(whole)
        return whole if tree is not None and _is_program(tree) else None
    marked = [source for mark, source in blocks if mark.lower() in _PYTHON]
    candidates = marked or [source for mark, source in blocks if not mark]
    parsed = [(source, tree) for source in candidates if (tree := _parse(source)) is not None]
    if not parsed:
        return None
    for is_wanted in (lambda tree: entry_point in _defined(tree), _defined):
        if wanted := [source for source, tree in parsed if is_wanted(tree)]:
            return wanted[-1]
    return max((source for source, _ in parsed), key=len)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Mark and content of each fenced block, as CommonMark has them."""
    fence, mark, lines = "", "", list[str]()
    for line in text.split("\n"):
        match = _FENCE.fullmatch(line)
        if not fence:
            if match:
                fence, mark, lines = match.group(1), match.group(2), []
        elif match and match.group(1).startswith(fence) and not match.group(2):
            yield mark, "\n".join(lines) + "\n"
            fence = ""
        else:
            lines.append(line)
    if fence and lines:
        yield mark, "\n".join(lines).rstrip("\n") + "\n"


def _parse(source: str) -> ast.Module | None:
    if len(source) > MAX_SOURCE_CHARS or not source.strip():
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _defined(tree: ast.Module) -> set[str]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


def _is_program(tree: ast.Module) -> bool:
    """Prose of one word is valid Python too; a program calls, defines or imports something."""
    kinds = ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Call
    return any(isinstance(node, kinds) for node in ast.walk(tree))
