"""Deduplication again, in the plainest way: all pairs, sets of strings, union-find, sorted lists.

For corpora so small that every similar pair is a candidate; nothing of it is shared with the code
under test but the definitions of the keys, which have tests of their own.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from filters.dedup.config import DeduplicateConfig
from filters.dedup.exact import text_key
from filters.dedup.url import url_key
from tests.pipeline.transforms.duplicate_corpora import Document

KINDS = ("url", "exact", "near")

Edges = dict[tuple[str, str], tuple[int, float]]
"""Kind and similarity of pairs of ids."""


def plain_marks(
    documents: Sequence[Document],
    config: DeduplicateConfig,
    *,
    indexed: frozenset[str] = frozenset(),
    min_quality: float = 0.05,
) -> dict[str, dict[str, Any]]:
    """The marks of documents by id; preferred are those of the highest quality."""
    edges = find_edges(documents, config)
    if config.large_clusters is not None:
        most, threshold = config.large_clusters.max_documents, config.large_clusters.threshold
        size_of = {name: len(cluster) for cluster in join(edges) for name in cluster}
        edges = {
            pair: (kind, similarity)
            for pair, (kind, similarity) in edges.items()
            if size_of[pair[0]] <= most or KINDS[kind] != "near" or similarity >= threshold
        }
    kinds = defaultdict(set)
    for pair, (kind, _) in edges.items():
        for name in pair:
            kinds[name].add(kind)
    by_id = {document.id: document for document in documents}

    def order(name: str) -> tuple[Any, ...]:
        quality = by_id[name].quality if by_id[name].is_annotated else None
        return (
            quality is not None and quality < min_quality,
            config.keep_indexed and name not in indexed,
            quality is None,
            -(quality or 0.0),
            name,
        )

    alone = dict.fromkeys(("cluster_id", "kind", "keeper_id", "older_id"))
    marks = {
        document.id: {"id": document.id, "source": document.source, "rank": 0, "cluster_size": 1}
        | alone
        for document in documents
    }
    for cluster in join(edges):
        members = sorted(cluster, key=order)
        older = [name for name in members if name in indexed]
        for rank, name in enumerate(members):
            marks[name] |= {
                "cluster_id": min(cluster),
                "rank": rank,
                "cluster_size": len(cluster),
                "kind": KINDS[min(kinds[name])] if rank else None,
                "keeper_id": members[0],
                "older_id": older[0] if older else None,
            }
    return marks


def find_edges(documents: Sequence[Document], config: DeduplicateConfig) -> Edges:
    """Every pair that is a duplicate, by its strongest kind."""
    found: Edges = {}
    for left, right in combinations([d for d in documents if d.is_annotated], 2):
        if config.url and url_key(left.url) == url_key(right.url) is not None:
            found[left.id, right.id] = (0, 1.0)
        elif config.exact and text_key(left.text) == text_key(right.text):
            found[left.id, right.id] = (1, 1.0)
        elif config.near is not None:
            sets = [shingles(one.text, config.near.units) for one in (left, right)]
            similarity = len(sets[0] & sets[1]) / max(1, len(sets[0] | sets[1]))
            is_signed = all(
                len(words_of(d.text)) - config.near.units + 1 >= 9 for d in (left, right)
            )
            if is_signed and similarity >= config.near.threshold:
                found[left.id, right.id] = (2, similarity)
    return found


def words_of(text: str) -> list[str]:
    return text.lower().split()


def shingles(text: str, size: int) -> set[tuple[str, ...]]:
    found = words_of(text)
    return {tuple(found[at : at + size]) for at in range(len(found) - size + 1)}


def join(edges: Edges) -> list[list[str]]:
    """Union-find."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for left, right in edges:
        parent[root(left)] = root(right)
    clusters = defaultdict(list)
    for name in parent:
        clusters[root(name)].append(name)
    return list(clusters.values())
