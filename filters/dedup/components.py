"""Connected components of packed edges, and what each document learns of its own.

*Members*, shape (n, 3), say of a reference its label and a kind of duplicate, or that one of them
is not known here; merged, they say both.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from filters.dedup.candidates import Packed
from pipeline.errors import InvariantError

UNKNOWN = np.uint64(2**64 - 1)


def label_components(edges: Packed) -> Packed:
    """Labels, shape (documents, 2): each reference on an edge with the least of its component.

    Sorted by reference. The label serves to group, not to publish: it depends on how documents
    lie in shards.
    """
    references, ends = np.unique(edges, return_inverse=True)
    ends = ends.reshape(edges.shape)
    size = (len(references), len(references))
    # Repeated edges are added up, so the type must not wrap around to zero: no edge.
    graph = coo_array((np.ones(len(ends), np.int64), (ends[:, 0], ends[:, 1])), shape=size)
    num_components, components = connected_components(graph, directed=False)
    # References are sorted, so the first of each component is its least.
    roots = np.full(num_components, len(references), np.int64)
    np.minimum.at(roots, components, np.arange(len(references)))
    return np.column_stack([references, references[roots[components]]])


def label_members(labels: Packed) -> Packed:
    """Members that know their label only."""
    return np.column_stack([labels, np.full(len(labels), UNKNOWN)])


def edge_members(edges: Packed, *, kind: int) -> Packed:
    """Members for both ends of ``edges`` of one kind, each once; their label is not known."""
    ends = np.unique(edges)
    return np.column_stack([ends, np.full(len(ends), UNKNOWN), np.full(len(ends), kind, np.uint64)])


def merge_members(members: Packed) -> Packed:
    """Each reference once, ascending, with its label and its strongest (least) kind.

    Raises InvariantError when one has no label or no kind: an edge was lost on the way.
    """
    members = members[np.argsort(members[:, 0], kind="stable")]
    begins = np.flatnonzero(np.diff(members[:, 0], prepend=~members[:1, 0]))
    merged = np.minimum.reduceat(members, begins, axis=0) if len(members) else members
    if (merged == UNKNOWN).any():
        raise InvariantError(f"{(merged == UNKNOWN).sum()} documents lost their label or kind")
    return merged
