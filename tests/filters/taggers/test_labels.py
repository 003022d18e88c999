import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.taggers.labels import (
    LabelRow,
    join_labels,
    read_documents,
    read_labels,
    text_sha256,
    write_labels,
)
from filters.taggers.rubric import load_rubric
from filters.taggers.split import group_of, is_held_out
from pipeline.errors import ConfigError

RUBRIC = load_rubric()
LOWEST = {head.name: head.values[0] for head in RUBRIC.heads}


def labelled(name, text="text", **changed):
    return LabelRow(name, text_sha256(text), "tester", RUBRIC.version, LOWEST | changed)


def lines(path, *values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return str(path)


def as_json(row):
    return {
        "id": row.id,
        "sha256": row.sha256,
        "annotator": row.annotator,
        "rubric_version": row.rubric_version,
        "labels": dict(row.labels),
    }


@pytest.mark.parametrize("suffix", ["", ".xz", ".gz"])
def test_labels_are_read_as_written(folder, suffix):
    rows = [labelled("a"), labelled("ü", domain="mathematics")]
    path = f"{folder}/labels.jsonl{suffix}"
    write_labels(path, rows)
    assert read_labels(path, RUBRIC) == rows


@pytest.mark.parametrize("suffix", ["", ".xz", ".gz"])
def test_equal_labels_give_equal_bytes(tmp_path, suffix):
    first, second = tmp_path / f"one.jsonl{suffix}", tmp_path / f"two.jsonl{suffix}"
    for path in (first, second):
        write_labels(str(path), [labelled("a"), labelled("b")])
    assert first.read_bytes() == second.read_bytes()


def test_labels_are_in_the_order_of_the_heads(tmp_path):
    row = as_json(labelled("a"))
    row["labels"] = dict(reversed(row["labels"].items()))
    (read,) = read_labels(lines(tmp_path / "labels.jsonl", row), RUBRIC)
    assert list(read.labels) == [head.name for head in RUBRIC.heads]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rubric_version": RUBRIC.version + 1}, "labels of rubric version"),
        ({"rubric_version": True}, "'rubric_version' must be of type int"),
        ({"sha256": None}, "'sha256' must be of type str"),
        ({"note": "?"}, "unknown field 'note'"),
        ({"labels": LOWEST | {"mood": 1}}, "'mood' is none of them"),
        ({"labels": {"topic": "adult"}}, "is missing"),
        ({"labels": LOWEST | {"cleanliness": 6}}, "labels.cleanliness: 6 is none of"),
        ({"labels": LOWEST | {"cleanliness": False}}, "labels.cleanliness: False"),
        ({"labels": LOWEST | {"topic": ["adult"]}}, "labels.topic"),
    ],
)
def test_a_row_that_the_rubric_does_not_know_is_refused_with_its_line(tmp_path, change, message):
    path = lines(tmp_path / "labels.jsonl", as_json(labelled("a")), as_json(labelled("b")) | change)
    with pytest.raises(ConfigError, match=f"labels.jsonl:2: .*{message}"):
        read_labels(path, RUBRIC)


def test_a_document_labelled_twice_is_refused(tmp_path):
    row = as_json(labelled("a"))
    with pytest.raises(ConfigError, match="labelled twice"):
        read_labels(lines(tmp_path / "labels.jsonl", row, row), RUBRIC)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "no labels"), (b"{", "no JSON"), (b"[1]", "not an object"), (b"\xff\n", "no JSON")],
)
def test_what_is_no_label_file_is_refused(tmp_path, content, message):
    path = tmp_path / "labels.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_labels(str(path), RUBRIC)


@pytest.mark.parametrize("name", ["none.jsonl", "broken.jsonl.xz", "broken.jsonl.gz"])
def test_what_cannot_be_read_is_refused(tmp_path, name):
    if name.startswith("broken"):
        (tmp_path / name).write_bytes(b"not compressed")
    with pytest.raises(ConfigError, match="cannot read"):
        read_labels(str(tmp_path / name), RUBRIC)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "a"}], "'text' must be a string"),
        ([{"text": "a"}], "'id' must be a string"),
        ([{"id": "a", "text": ""}] * 2, "stands twice"),
        ([{"id": "\ud800", "text": ""}], "no valid Unicode"),
        ([{"id": "a", "text": "", "url": 7}], "'url' must be a string or null"),
        ([], "no documents"),
    ],
)
def test_a_document_file_needs_ids_and_texts(tmp_path, rows, message):
    with pytest.raises(ConfigError, match=message):
        read_documents(lines(tmp_path / "documents.jsonl", *rows))


def test_labels_join_by_id_and_text():
    documents = [{"id": name, "text": f"text of {name}"} for name in "abc"]
    rows = [
        labelled("c", "text of c"),
        labelled("a", "text of a"),
        labelled("b", "an older text of b"),
        labelled("d", "text of d"),
    ]
    joined = join_labels(rows, documents)
    assert joined.documents == (documents[2], documents[0])
    assert joined.labels == (rows[0], rows[1])
    assert (joined.without_document, joined.with_other_text, joined.unlabelled) == (1, 1, 0)
    assert "1 labels of another text" in joined.describe()


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["x", "y"])),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["x", "y"])),
)
def test_every_label_and_document_is_counted_once(judged, texts):
    rows = [labelled(name, text) for name, text in judged.items()]
    joined = join_labels(rows, [{"id": name, "text": text} for name, text in texts.items()])
    used = len(joined.labels)
    assert used + joined.without_document + joined.with_other_text == len(rows)
    assert used + joined.with_other_text + joined.unlabelled == len(texts)


@pytest.mark.parametrize(
    ("document", "group"),
    [
        ({"id": "package/gap-doc/usr/chap0.html", "url": None}, "gap-doc"),
        ({"id": "package/gap-doc", "url": "https://a.org/"}, "gap-doc"),
        ({"id": "x", "url": "https://www.Example.org:80/a?b"}, "example.org"),
        ({"id": "x", "url": "https://docs.example.org/"}, "docs.example.org"),
        ({"id": "x", "url": "no address"}, "x"),
        ({"id": "x", "url": "http://[broken/"}, "x"),
        ({"id": "x", "url": None}, "x"),
        ({"id": "https://a.org/b", "url": None}, "a.org"),
        ({"id": "x"}, "x"),
    ],
)
def test_a_group_is_a_package_a_host_or_a_document(document, group):
    assert group_of(document) == group


def test_the_sides_of_a_split_never_change():
    """A model that was trained with another split would be evaluated on what it has seen."""
    names = ["example.org", "gap-doc", "python-sklearn-doc", "a.org", "b.org", "c.org"]
    assert [is_held_out(name) for name in names] == [True, False, False, False, False, False]


def test_a_third_of_the_groups_is_held_out():
    assert sum(is_held_out(f"site-{number}.org") for number in range(3000)) == pytest.approx(
        1000, abs=80
    )


def test_a_lone_surrogate_has_a_digest_and_a_side():
    assert text_sha256("\ud800") != text_sha256("?")
    assert is_held_out("\ud800") in {True, False}
