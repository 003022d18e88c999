r"""The steps from edges to clusters: components in rounds, and a second look at the large ones.

    edges --contract--> neighbours --large star--> uphill --small star--> neighbours ...
          \-> edges of nodes --strict--> neighbours --...

A large star that finds nothing to move has seen the final clusters; the rounds after it do nothing.
"""

from contextlib import ExitStack

import numpy as np
import numpy.typing as npt

from filters.dedup.keep import NEAR
from filters.dedup.packed import Packed, mix, unmix
from filters.dedup.stars import (
    LargeStar,
    both_ways,
    contract,
    small_star,
    star_labels,
    star_sizes,
)
from filters.dedup.verification import strength_kind, strength_similarity
from pipeline.transforms.cluster_search import ALL, STRICT, ClusterSearch
from pipeline.transforms.corpus import Rows
from pipeline.transforms.tasks import Tally
from pipeline.transforms.verify_pairs import read_edges

_CONTRACTED_EDGES = 1 << 18
"""Edges contracted at a time: 4 MB, and ten times that while their nodes are numbered."""


def contract_edges(search: ClusterSearch, group: int, before: Tally) -> Tally:
    """The edges of a group's shards as nodes, and the stars of what hangs together in a shard.

    In a shard, not in the group: else the number of rounds would depend on the groups.
    """
    del before
    num_edges = 0
    with (
        search.neighbours(ALL, 0).write(group) as stars,
        search.edges_of_nodes.write(group) as out,
    ):
        for shard in search.groups.shards(group):
            held: list[Packed] = []
            for edges in read_edges(search.edges, shard, search.corpus.num_shards):
                num_edges += len(edges)
                nodes = mix(edges[:, :2])
                out.write(np.column_stack([nodes, edges[:, 2]]))
                held.append(nodes)
                if sum(map(len, held)) >= _CONTRACTED_EDGES:
                    stars.write(both_ways(contract(np.concatenate(held))))
                    held = []
            if held:
                stars.write(both_ways(contract(np.concatenate(held))))
    return {f"{ALL}.pairs": num_edges}


def move_large(
    search: ClusterSearch, which: str, round_: int, partition: int, before: Tally
) -> Tally | None:
    """The large star of a round."""
    if search.stable_round(which, before) is not None or not _is_asked(which, before):
        return None
    pass_ = LargeStar()
    with search.uphill(which, round_).write(partition) as out:
        for edges in pass_.passes(search.neighbours(which, round_).read(partition)):
            out.write(edges)
    return {f"{which}.restless.{round_}": pass_.restless}


def move_small(
    search: ClusterSearch, which: str, round_: int, partition: int, before: Tally
) -> Tally | None:
    """The small star of a round; what it finds is the next round's."""
    if search.stable_round(which, before) is not None or not _is_asked(which, before):
        return None
    with search.neighbours(which, round_ + 1).write(partition) as out:
        for edges in small_star(search.uphill(which, round_).read(partition)):
            out.write(both_ways(edges))
    return {}


def find_large(search: ClusterSearch, partition: int, before: Tally) -> Tally | None:
    """Clusters of more documents than the recipe trusts."""
    stars, config = search.stable_round(ALL, before), search.config.large_clusters
    if stars is None or config is None:
        return None
    clusters = documents = 0
    with search.large.write(partition) as out:
        for sizes in star_sizes(search.neighbours(ALL, stars).read(partition)):
            large = sizes[sizes[:, 1] > config.max_documents]
            clusters += len(large)
            documents += int(large[:, 1].sum())
            out.write(large)
    return {"large.clusters": clusters, "large.documents": documents}


def drop_weak(search: ClusterSearch, partition: int, before: Tally) -> Tally | None:
    """Say which edges count: of large clusters only strong ones; the others' clusters stay.

    Where there are large clusters, the edges that count begin another search for components.
    """
    stars = search.stable_round(ALL, before)
    if stars is None:
        return None
    has_large = bool(before.get("large.clusters"))  # without a limit nothing has looked for them
    found = search.large.read(0) if has_large else ()
    large = np.concatenate([np.empty((0, 2), np.uint64), *found])[:, 0]
    edges = Rows(search.edges_of_nodes.read(partition))
    dropped = 0
    with ExitStack() as stack:
        kinds = stack.enter_context(search.kinds.write(partition))
        again = stack.enter_context(search.neighbours(STRICT, 0).write(partition))
        for labels in star_labels(search.neighbours(ALL, stars).read(partition)):
            is_large = np.isin(labels[:, 1], large)
            if len(large):
                small = labels[~is_large & (labels[:, 0] != labels[:, 1])]
                again.write(both_ways(small))
            for part in edges.up_to(labels[-1, 0]):
                of_large = is_large[np.searchsorted(labels[:, 0], part[:, 0])]
                counts = ~of_large | _is_strong(search, part[:, 2])
                dropped += int((~counts).sum())
                again.write(both_ways(part[counts & of_large, :2]))
                part_kinds = strength_kind(part[counts, 2]).astype(np.uint64)
                for end in (0, 1):
                    kinds.write(np.column_stack([part[counts, end], part_kinds]))
    return {"large.dropped_pairs": dropped}


def name_members(search: ClusterSearch, partition: int, before: Tally) -> Tally | None:
    """The cluster and the strongest kind of every document that has an edge that counts."""
    stars = search.final(before)
    if stars is None:
        return None
    kinds = Rows(search.kinds.read(partition))
    with search.members.write(partition) as out:
        for labels in star_labels(stars.read(partition)):
            strongest = np.full(len(labels), np.iinfo(np.uint64).max, np.uint64)
            for part in kinds.up_to(labels[-1, 0]):
                np.minimum.at(strongest, np.searchsorted(labels[:, 0], part[:, 0]), part[:, 1])
            out.write(np.column_stack([unmix(labels[:, 0]), labels[:, 1], strongest]))
    return {}


def _is_asked(which: str, tally: Tally) -> bool:
    return which == ALL or bool(tally.get("large.clusters"))


def _is_strong(search: ClusterSearch, strength: Packed) -> npt.NDArray[np.bool_]:
    config = search.config.large_clusters
    if config is None:
        return np.ones(len(strength), bool)
    # Similarities come from a float32 column, in which 0.95 is less than 0.95.
    strong: npt.NDArray[np.bool_] = strength_similarity(strength) >= np.float32(config.threshold)
    strong |= strength_kind(strength) != NEAR
    return strong
