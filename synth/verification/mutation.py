"""Mutants: a solution with one small change each, to see whether tests notice.

The operators are those of mutation testing (Offutt's sufficient ones, doi 10.1145/227607.227610,
without absolute values): relations, arithmetic, connectives; and with them constants, return values
and removed statements. Left alone is what a test could not notice: docstrings, annotations,
messages of errors and assertions, and the block that runs as a script.
"""

import ast
import copy
import warnings
from collections.abc import Callable, Iterator

_RELATIONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}

Change = Callable[[ast.AST], ast.AST]
"""Gives what stands in a node's place, from a copy of the node."""


def mutants(source: str, *, max_mutants: int) -> list[str]:
    """At most ``max_mutants`` changed sources, spread evenly over the solution, in its order.

    The same source gives the same mutants. Empty for what is no Python or has nothing to change.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
        original = ast.unparse(tree)
        places = [(n, change) for n, node in enumerate(_nodes(tree)) for change in _changes(node)]
        count = min(max_mutants, len(places))
        chosen = [places[number * len(places) // count] for number in range(count)]
        texts = [_changed(tree, number, change) for number, change in chosen]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [text for text in dict.fromkeys(texts) if text != original]


def _changed(tree: ast.Module, number: int, change: Change) -> str:
    whole = copy.deepcopy(tree)
    target = list(_nodes(whole))[number]
    replacement = change(target)
    for parent in ast.walk(whole):
        for name, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, name, replacement)
            elif isinstance(value, list) and any(item is target for item in value):
                value[:] = [replacement if item is target else item for item in value]
    return ast.unparse(ast.fix_missing_locations(whole))


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """What may be changed below ``node``, in the order of the source."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params", "msg", "keywords"}:
            if name == "keywords":
                for keyword in value:
                    yield from _nodes(keyword)
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_alone(child):
                yield child
                yield from _nodes(child)


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "__name__" in ast.unparse(node.test)
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr)


def _changes(node: ast.AST) -> Iterator[Change]:
    yield from _changes_of_expression(node)
    yield from _changes_of_statement(node)


def _changes_of_expression(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        yield from map(_relation, range(len(node.ops)))
    elif isinstance(node, ast.BinOp | ast.AugAssign):
        if type(node.op) in _ARITHMETIC and not _is_of_text(node):
            yield _arithmetic
    elif isinstance(node, ast.BoolOp):
        yield _connective
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield lambda found: found.operand  # type: ignore[attr-defined]
    elif isinstance(node, ast.Constant):
        yield from _constant(node)


def _changes_of_statement(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Return):
        if node.value is not None and not _is_none(node.value):
            yield lambda _: ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Break):
        yield lambda _: ast.Continue()
    elif isinstance(node, ast.Continue):
        yield lambda _: ast.Break()
    elif isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield lambda _: ast.Pass()


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _relation(number: int) -> Change:
    def change(node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Compare):
            node.ops[number] = _RELATIONS[type(node.ops[number])]()
        return node

    return change


def _arithmetic(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.BinOp | ast.AugAssign):
        node.op = _ARITHMETIC[type(node.op)]()
    return node


def _connective(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return node


def _constant(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield lambda _: ast.Constant(not value)
    elif isinstance(value, int | float):
        yield lambda _: ast.Constant(value + 1)
    elif isinstance(value, str) and value:
        yield lambda _: ast.Constant(f"{value}X")


def _is_of_text(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether it joins or formats text: another operator would raise at once."""
    sides = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.value]
    is_constant = any(isinstance(s, ast.Constant) and isinstance(s.value, str) for s in sides)
    return is_constant or any(isinstance(side, ast.JoinedStr | ast.List) for side in sides)
