"""The page's part about duplicates: how many, in which clusters, and how they were found."""

from pipeline.report.clusters import SAMPLE_CHARS, LargeCluster, Sample, SizeClass
from pipeline.report.duplicates import DuplicateSummary
from pipeline.report.markup import (
    NOTHING,
    Column,
    Html,
    code,
    count_column,
    element,
    join,
    measured,
    number,
    paragraph,
    section,
    share,
    table,
    text,
)
from pipeline.report.quantities import percent, plural, ratio_of
from pipeline.report.similarity_chart import similarity_chart
from pipeline.report.similarity_curve import curve, near_parameters
from pipeline.report.summary import RunSummary

OPEN_CLUSTERS = 3
"""Of the largest clusters, those whose samples are seen without a click."""

LISTED_CLUSTERS = 10
"""Those that are listed by themselves; the others are folded together."""

_WHAT = (
    "Two documents are duplicates when they have the same web address (url), the same text but "
    "for white space (exact), or similar texts (near). Documents that hang together by such pairs "
    "form a cluster, in which the best document, the keeper, ranks first. Nothing is removed here: "
    "the recipe's rule on dedup.rank decides."
)

_HINTS = {
    "keys": "addresses, texts, or bands of signatures that were looked up",
    "copies": "documents whose bands were not looked up, because another one has their text",
    "hot_buckets": "keys of so many documents that not each of them was paired with each",
    "hot_documents": "documents under those keys; one counts once for each key",
    "pairs": "pairs of documents that share a key, each once",
    "screened_pairs": "of those, refused by their signatures alone",
    "compared_pairs": "of those, decided by counting the shingles that both texts have",
    "merged_pairs": "of those, called duplicates",
}


def duplicates_section(summary: RunSummary) -> Html:
    """Duplicates by source and kind, their clusters, and what was compared to find them."""
    found = summary.duplicates
    if found is None:
        nothing = "Duplicates have not been marked yet."
        return section("duplicates", "Duplicates", paragraph(nothing))
    return section(
        "duplicates",
        "Duplicates",
        paragraph(_WHAT),
        _sources(found) if found.sources else paragraph("They are found, but not marked yet."),
        _sizes(found.clusters.sizes) if found.sources else NOTHING,
        _stricter(found) if found.sources else NOTHING,
        _largest(found.clusters.largest),
        _compared(found),
        _near(found),
    )


def _sources(found: DuplicateSummary) -> Html:
    return table(
        "Documents that another document of their cluster outranks",
        (
            Column(title="Source"),
            count_column("Documents"),
            *(count_column(kind, "strongest kind by which it is one") for kind in found.kinds),
            count_column("Duplicates"),
            count_column("Share"),
        ),
        [
            [
                text(one.source),
                number(one.documents),
                *(number(rows) for _, rows in one.by_kind),
                number(one.duplicates),
                share(one.ratio),
            ]
            for one in found.sources
        ],
        total=[
            text("All"),
            number(found.documents),
            *(number(found.of_kind(kind)) for kind in found.kinds),
            number(found.duplicates),
            share(ratio_of(found.duplicates, found.documents)),
        ],
    )


def _sizes(sizes: tuple[SizeClass, ...]) -> Html:
    """The histogram of cluster sizes; bars are shares of all clusters and of their documents."""
    clusters = sum(one.clusters for one in sizes)
    documents = sum(one.documents for one in sizes)
    return table(
        "Clusters by number of documents",
        (
            Column(title="Documents in a cluster"),
            count_column("Clusters", "and their share of all clusters"),
            count_column("Documents", "in those clusters, and their share of all in clusters"),
        ),
        [
            [
                text(one.label),
                measured(ratio_of(one.clusters, clusters), number(one.clusters)),
                measured(ratio_of(one.documents, documents), number(one.documents)),
            ]
            for one in sizes
        ],
        total=[text("All"), number(clusters), number(documents)],
    )


def _stricter(found: DuplicateSummary) -> Html:
    again = found.stricter
    if again is None:
        return paragraph("No cluster had so many documents that it was looked at again.")
    return paragraph(
        f"{plural(again.clusters, 'cluster')} had more documents than the recipe's "
        f"deduplicate.large_clusters.max_documents, {again.documents:,} in all. In them a near "
        "duplicate has to reach the stricter large_clusters.threshold: "
        f"{plural(again.dropped_pairs, 'pair')} did not, and no longer held the clusters together."
    )


def _largest(largest: tuple[LargeCluster, ...]) -> Html:
    if not largest:
        return NOTHING
    intro = (
        f"The first {SAMPLE_CHARS} characters of the keeper, and of others of its cluster. If they "
        "differ in more than details, documents were merged that are not duplicates."
    )
    shown = [_cluster(one, is_open=place < OPEN_CLUSTERS) for place, one in enumerate(largest)]
    pieces = [
        element("h3", text("Largest clusters")),
        paragraph(intro),
        *shown[:LISTED_CLUSTERS],
    ]
    folded = shown[LISTED_CLUSTERS:]
    if folded:
        said = element("summary", text(plural(len(folded), "more cluster")))
        pieces.append(element("details", join([said, *folded], "\n")))
    return element("div", join(pieces, "\n"), class_="clusters")


def _cluster(cluster: LargeCluster, *, is_open: bool) -> Html:
    said = [element("b", text(plural(cluster.documents, "document")))]
    if cluster.sources:
        said.append(text(", ".join(cluster.sources)))
    said.append(code(cluster.cluster_id))
    samples = element("div", join(map(_sample, cluster.samples, _roles(cluster))), class_="samples")
    content = join([element("summary", join(said, " &middot; ")), samples])
    return element("details", content, **({"open": ""} if is_open else {}))


def _roles(cluster: LargeCluster) -> list[str]:
    return ["Keeper", *["Duplicate"] * (len(cluster.samples) - 1)]


def _sample(sample: Sample, role: str) -> Html:
    where = ": ".join(part for part in (sample.source, sample.url) if part)
    pieces = [element("b", text(role)), element("small", code(sample.id))]
    if where:
        pieces.append(element("small", text(where)))
    if sample.text is None:
        pieces.append(element("p", text(f"No text: {sample.absence}."), class_="empty"))
    elif not sample.text.strip():
        pieces.append(element("p", text("The text is empty."), class_="empty"))
    else:
        pieces.append(element("blockquote", text(sample.text)))
    return element("article", join(pieces))


def _compared(found: DuplicateSummary) -> Html:
    compared = table(
        "What was compared",
        (
            Column(title="Kind"),
            *(
                count_column(name.replace("_", " ").capitalize(), _HINTS.get(name, ""))
                for name in found.measures
            ),
        ),
        [
            [text(kind), *(number(dict(counted).get(name)) for name in found.measures)]
            for kind, counted in found.compared
        ],
    )
    if not found.rounds:
        return compared
    rounds = ", ".join(f"{plural(count, 'round')} ({name})" for name, count in found.rounds)
    return join(
        [
            compared,
            paragraph(
                "Pairs are joined to clusters in rounds, until a round changes nothing. That took "
                f"{rounds}."
            ),
        ]
    )


def _near(found: DuplicateSummary) -> Html:
    near = found.near
    if near is None:
        return NOTHING
    why = (
        "A shingle is a run of consecutive words (or characters, or tokens of code). The Jaccard "
        "similarity of two texts is the number of different shingles they share, divided by the "
        "number that either has. A signature is a short sample of a text's shingles, cut into "
        "bands. Only pairs that agree in all values of a band, the candidates, are compared: so a "
        "similar pair can be missed, and the curve says how often. Where three or more documents "
        "are similar, a missed pair often meets in one cluster all the same."
    )
    settings = table(
        "How near duplicates are found",
        (Column(title="Setting"), Column(title="Value")),
        [[text(name.capitalize()), text(value)] for name, value in near_parameters(near)],
    )
    chances = table(
        "Chance that a pair is found, by similarity",
        (
            Column(title="Similarity"),
            count_column("Candidate", "the pair is compared"),
            count_column("Merged", "the pair is called a duplicate"),
        ),
        [
            [
                text(f"{point.similarity:.2f}"),
                measured(point.candidate, NOTHING, tone="rejected"),
                measured(point.merged, NOTHING, said=text(percent(point.merged))),
            ]
            for point in curve(near)
        ],
    )
    return join([paragraph(why), settings, similarity_chart(near), chances], "\n")
