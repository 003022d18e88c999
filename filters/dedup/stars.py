"""Connected components by stars: every document of a cluster ends on an edge to its least one.

Large-star and small-star, taken in turn, hang the neighbours of every node below the least node
they know; where nothing moves any more the edges are stars, one for each component (Kiveris et al.
2014, "Connected components in MapReduce and beyond"). Each is one pass over sorted edges that holds
a single node's least neighbour, so neither a component nor a node's neighbours must fit in memory.

An edge is a pair of nodes (``packed``). ``neighbours`` are edges written both ways and sorted;
``uphill`` edges are written once, the greater node first, and sorted. Repeated edges count once.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from filters.dedup.packed import Packed
from pipeline.compilation import compile_kernel


def contract(edges: Packed) -> Packed:
    """Stars with the components of ``edges``: (node, least of its component), nodes ascending.

    In memory: for a block of edges, so that what passes on is never more than its nodes.
    """
    nodes, ends = np.unique(edges, return_inverse=True)
    ends = ends.reshape(edges.shape)
    size = (len(nodes), len(nodes))
    # Repeated edges are added up, so the type must not wrap around to zero: no edge.
    graph = coo_array((np.ones(len(ends), np.int64), (ends[:, 0], ends[:, 1])), shape=size)
    num_components, components = connected_components(graph, directed=False)
    least = np.full(num_components, len(nodes), np.int64)
    np.minimum.at(least, components, np.arange(len(nodes)))
    roots = nodes[least[components]]
    stars: Packed = np.column_stack([nodes, roots])[nodes != roots]
    return stars


def both_ways(edges: Packed) -> Packed:
    """Every edge and its reverse."""
    return np.concatenate([edges, edges[:, ::-1]])


class LargeStar:
    """One pass over neighbours: the greater neighbours of each node go below its least one."""

    def __init__(self) -> None:
        self._state = np.zeros(_STATE, np.uint64)

    def passes(self, neighbours: Iterable[Packed]) -> Iterator[Packed]:
        """Edges, the greater node first, unsorted."""
        for block in neighbours:
            out = np.empty((len(block), 2), np.uint64)
            yield out[: _large_star(block, self._state, out)]
        _end_node(self._state)

    @property
    def restless(self) -> int:
        """Nodes that are neither less than all their neighbours nor on one edge, to a lesser one.

        When there are none, the edges that went in were stars. Complete once all edges are taken.
        """
        return int(self._state[_RESTLESS])


def small_star(uphill: Iterable[Packed]) -> Iterator[Packed]:
    """One pass: each node and its lesser neighbours go below the least one. Edges, unsorted."""
    state = np.zeros(_STATE, np.uint64)
    for block in uphill:
        out = np.empty((2 * len(block), 2), np.uint64)
        yield out[: _small_star(block, state, out)]


def star_labels(stars: Iterable[Packed]) -> Iterator[Packed]:
    """(node, least of its component), ascending, of stars written both ways and sorted."""
    last = np.empty(0, np.uint64)
    for block in stars:
        nodes = block[:, 0]
        is_first = np.append(True, nodes[1:] != nodes[:-1])
        is_first[0] = not np.array_equal(nodes[:1], last)
        last = nodes[-1:]
        firsts = block[is_first]
        yield np.column_stack([firsts[:, 0], firsts.min(axis=1)])


def star_sizes(stars: Iterable[Packed]) -> Iterator[Packed]:
    """(least node, number of nodes) of each component, of stars written both ways and sorted."""
    node, size = np.uint64(0), 0
    last = np.empty(0, np.uint64)
    for block in stars:
        is_new = np.append(True, (block[1:] != block[:-1]).any(axis=1))
        is_new[0] = not np.array_equal(block[0], last)
        last = block[-1]
        roots = block[is_new & (block[:, 0] < block[:, 1]), 0]
        if not len(roots):
            continue
        found, counts = np.unique(roots, return_counts=True)
        if size and found[0] == node:
            counts[0] += size - 1
        elif size:
            yield np.array([[node, size]], np.uint64)
        sizes = np.column_stack([found, (counts + 1).astype(np.uint64)])
        node, size = found[-1], int(sizes[-1, 1])
        yield sizes[:-1]
    if size:
        yield np.array([[node, size]], np.uint64)


_NODE, _LEAST, _NEIGHBOUR, _DEGREE, _RESTLESS = range(5)
_STATE = 5


@compile_kernel
def _large_star(block: Packed, state: Packed, out: Packed) -> int:
    written = 0
    for row in range(len(block)):
        node, neighbour = block[row, 0], block[row, 1]
        if state[_DEGREE] == 0 or node != state[_NODE]:
            _end_node(state)
            state[_NODE] = node
            state[_LEAST] = min(node, neighbour)
        elif neighbour == state[_NEIGHBOUR]:
            continue
        state[_NEIGHBOUR] = neighbour
        state[_DEGREE] += np.uint64(1)
        if neighbour > node:
            out[written, 0] = neighbour
            out[written, 1] = state[_LEAST]
            written += 1
    return written


@compile_kernel
def _end_node(state: Packed) -> None:
    """Count the node in hand as restless where it is."""
    is_root = state[_LEAST] == state[_NODE]
    if state[_DEGREE] > 1 and not is_root:
        state[_RESTLESS] += np.uint64(1)
    state[_DEGREE] = np.uint64(0)


@compile_kernel
def _small_star(block: Packed, state: Packed, out: Packed) -> int:
    written = 0
    for row in range(len(block)):
        node, neighbour = block[row, 0], block[row, 1]
        if state[_DEGREE] == 0 or node != state[_NODE]:
            state[_NODE] = node
            state[_LEAST] = neighbour
            out[written, 0] = node
            out[written, 1] = neighbour
            written += 1
        elif neighbour != state[_NEIGHBOUR]:
            out[written, 0] = neighbour
            out[written, 1] = state[_LEAST]
            written += 1
        state[_NEIGHBOUR] = neighbour
        state[_DEGREE] = np.uint64(1)
    return written
