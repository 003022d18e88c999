"""How many planted benchmark questions are found, which clean texts are hit, what a document costs.

    python -m benchmarks.decontamination --benchmarks 'FOLDER/*.jsonl.gz' --clean FILE.jsonl

Up to ``--items`` of each set are planted, each in every way of ``EDITS`` that applies, in the
middle of a clean document; a canonical solution is planted without its question. Only a hit on the
planted item itself counts. Clean documents are rows {id, text} that hold no benchmark; every hit
there is printed to be looked at. By misses and false hits of the sets named in ``TUNED`` the
constants were set. JSON on stdout with ``--json``.
"""

import argparse
import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from benchmarks.documents import batch_of
from filters.decontamination.annotator import DecontaminationAnnotator
from filters.decontamination.benchmarks import Item, read_items
from filters.decontamination.config import BenchmarkSet, DecontaminationConfig
from filters.decontamination.words import word_hashes
from pipeline.storage.filesystem import find

TUNED = frozenset(
    {"bbh", "college_math", "cruxeval", "gsm8k_test", "humaneval"}
    | {"math500", "math_test", "mbpp", "mmlu_stem", "mmlu_test"}
)
"""``mmlu_stem`` and ``math500`` are parts of two others."""

CODE_SETS = frozenset({"cruxeval", "humaneval", "mbpp"})

WORDS_PER_CHANGE = 40
MIN_CHANGED_WORDS = 8
"""A shorter question with a changed word is another question."""

BATCH_ROWS = 512
SPEED_BYTES = 5000
SPEED_DOCUMENTS = 4000
SPEED_ROUNDS = 5

LENGTHS = (0, 4, 6, 8, 13, 20, 30, 50, 100)
"""Lower bounds, in words, of the bands of recall by length."""

OTHER_WORDS = "quickly seven apple however river total window often letter simple".split()  # noqa: SIM905

CHOICE = re.compile(r"^(\(?[A-J][.)]\)?)\s*(.*)$", re.MULTILINE)

Edit = Callable[[str, random.Random], str | None]
"""The edited text; None where the edit does not apply."""


def verbatim(text: str, rng: random.Random) -> str | None:
    """As it is."""
    del rng
    return text


def change_case(text: str, rng: random.Random) -> str | None:
    """All lower, upper or titled letters, but not inside formulas, where case has a meaning."""
    change = rng.choice((str.lower, str.upper, str.title))
    parts = re.split(r"(\$[^$]*\$|\\[a-zA-Z]+)", text)
    return "".join(part if at % 2 else change(part) for at, part in enumerate(parts))


def change_space(text: str, rng: random.Random) -> str | None:
    """Lines broken elsewhere, spaces doubled."""
    return "".join(
        rng.choice(("\n", "  ", "\t", " ", " ")) if part.isspace() else part
        for part in re.split(r"(\s+)", text)
    )


def change_punctuation(text: str, rng: random.Random) -> str | None:
    """Commas and stops dropped, quotes curled, dashes lengthened."""
    del rng
    text = re.sub(r"(?<!\d)[,;:.?!](?=\s|$)", "", text)
    return text.replace("'", "\u2019").replace(' "', " \u201c").replace('"', "\u201d")


def change_latex(text: str, rng: random.Random) -> str | None:
    r"""``\(..\)``, ``\[..\]`` or nothing for ``$..$``; ``\dfrac`` for ``\frac``."""
    if "$" not in text:
        return None
    left, right = rng.choice(((r"\(", r"\)"), (r"\[", r"\]"), ("", ""), ("$$", "$$")))
    text = re.sub(r"\$+([^$]+)\$+", lambda match: left + match[1] + right, text)
    return text.replace(r"\frac", rng.choice((r"\dfrac", r"\frac")))


def change_words(text: str, rng: random.Random) -> str | None:
    """One word in forty, at least one, becomes another; numbers and formulas stay."""
    words = re.split(r"(\s+)", text)
    places = [at for at, word in enumerate(words) if re.fullmatch(r"[A-Za-z]{2,}[,.?]?", word)]
    num_words = (len(words) + 1) // 2
    if num_words < MIN_CHANGED_WORDS or not places:
        return None
    for at in rng.sample(places, min(len(places), max(1, num_words // WORDS_PER_CHANGE))):
        words[at] = rng.choice(OTHER_WORDS)
    return "".join(words)


def reorder_choices(text: str, rng: random.Random) -> str | None:
    """The same choices under other letters."""
    found = list(CHOICE.finditer(text))
    if len(found) < 3:  # fewer are no list of choices
        return None
    said = [match[2] for match in found]
    rng.shuffle(said)
    moved = iter(said)
    return CHOICE.sub(lambda match: f"{match[1]} {next(moved)}", text)


def change_all(text: str, rng: random.Random) -> str | None:
    """Every other edit that applies, one after the other."""
    for edit in (reorder_choices, change_words, change_latex, change_punctuation, change_space):
        text = edit(text, rng) or text
    return change_case(text, rng)


EDITS: dict[str, Edit] = {
    "verbatim": verbatim,
    "case": change_case,
    "space": change_space,
    "punctuation": change_punctuation,
    "latex": change_latex,
    "word": change_words,
    "choices": reorder_choices,
    "all": change_all,
}
CODE_EDITS = ("verbatim", "space", "word")
"""What may happen to source code: its case and punctuation have a meaning."""


def planted(
    items: Sequence[Item], hosts: Sequence[str], seed: int
) -> Iterator[tuple[Item, str, str]]:
    """(item, edit, text) for each item and edit; each has a generator of its own."""
    for item in items:
        is_code = item.benchmark in CODE_SETS
        for name, edit in EDITS.items():
            if is_code and name not in CODE_EDITS:
                continue
            rng = random.Random(f"{seed}/{item.id}/{name}")  # noqa: S311
            edited = edit(item.question, rng)
            if edited is not None:
                yield item, name, _host(edited, hosts, rng)
        if is_code and len(item.answer.split("\n")) > 1:
            rng = random.Random(f"{seed}/{item.id}/solution")  # noqa: S311
            yield item, "solution", _host(item.answer, hosts, rng)


def _host(text: str, hosts: Sequence[str], rng: random.Random) -> str:
    host = rng.choice(hosts)
    at = host.find("\n", rng.randrange(len(host)))
    at = len(host) if at < 0 else at
    return f"{host[:at]}\n\n{text}\n\n{host[at:]}"


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """At most BATCH_ROWS texts at a time."""
    for start in range(0, len(texts), BATCH_ROWS):
        yield texts[start : start + BATCH_ROWS]


def measure_recall(
    annotator: DecontaminationAnnotator, cases: Sequence[tuple[Item, str, str]]
) -> tuple[dict[str, dict[str, list[int]]], dict[str, dict[str, list[int]]], list[str]]:
    """[found, planted] by edit and set, by edit and band of length; and some that were missed."""
    by_set: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    by_length: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    missed = []
    for start in range(0, len(cases), BATCH_ROWS):
        part = cases[start : start + BATCH_ROWS]
        texts = pa.array([text for _, _, text in part], pa.large_string())
        for (item, edit, _), hits in zip(part, annotator.find(texts), strict=True):
            is_found = any((hit.benchmark, hit.item) == (item.benchmark, item.id) for hit in hits)
            said = item.answer if edit == "solution" else item.question
            band = max(bound for bound in LENGTHS if bound <= len(word_hashes(said)))
            for counts in (by_set[edit][item.benchmark], by_length[edit][str(band)]):
                counts[0] += is_found
                counts[1] += 1
            if not is_found:
                missed.append(f"{edit} {item.id} {said[:150]!r}")
    return by_set, by_length, missed


def measure_speed(annotator: DecontaminationAnnotator, clean: Sequence[str]) -> float:
    """CPU microseconds for a document of SPEED_BYTES, the best of SPEED_ROUNDS rounds.

    Documents are cut from the clean ones, one behind the other, so that all are of one size.
    """
    joined = "\n".join(clean[: 4 * SPEED_DOCUMENTS]).encode()[: SPEED_BYTES * SPEED_DOCUMENTS]
    cut = [
        joined[at : at + SPEED_BYTES].decode(errors="ignore")
        for at in range(0, len(joined), SPEED_BYTES)
    ]
    prepared = [batch_of(part) for part in batches(cut)]
    annotator.annotate(prepared[0])
    best = float("inf")
    for _ in range(SPEED_ROUNDS):
        start = time.process_time()
        for batch in prepared:
            annotator.annotate(batch)
        best = min(best, time.process_time() - start)
    return 1e6 * best / len(cut)


def find_false(
    annotator: DecontaminationAnnotator, clean: Sequence[tuple[str, str]]
) -> list[dict[str, object]]:
    """The documents that are hit, with what was found in them."""
    false = []
    for start in range(0, len(clean), BATCH_ROWS):
        part = clean[start : start + BATCH_ROWS]
        texts = pa.array([text for _, text in part], pa.large_string())
        for (name, _), hits in zip(part, annotator.find(texts), strict=True):
            if hits:
                best = max(hits, key=lambda hit: hit.score)
                false.append(
                    {"document": name, "item": best.item, "score": round(best.score, 3)}
                    | {"where": best.where, "hits": len(hits)}
                )
    return false


def ratio(counts: Iterator[Sequence[int]]) -> float | None:
    """Found of planted, None where none was planted."""
    pairs = list(counts)
    total = sum(pair[1] for pair in pairs)
    return sum(pair[0] for pair in pairs) / total if total else None


def pooled(
    by_set: dict[str, dict[str, list[int]]], edits: Sequence[str], *, tuned: bool
) -> float | None:
    """Recall over several edits, of the sets that were or were not tuned on."""
    return ratio(
        counts
        for edit in edits
        for name, counts in by_set[edit].items()
        if (name in TUNED) == tuned
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--benchmarks", action="append", required=True, help="glob of item files")
    parser.add_argument("--clean", action="append", required=True, help="JSONL of {id, text}")
    parser.add_argument("--items", type=int, default=400, help="planted items of each set")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--max-clean", type=int, default=1_000_000, help="clean documents read")
    parser.add_argument("--misses", type=int, default=0, help="missed items to print")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parsed = parser.parse_args(arguments)

    clean = read_clean(parsed.clean, parsed.max_clean)
    config = DecontaminationConfig(
        benchmarks=[
            BenchmarkSet(paths=[found.path], is_code=found.name.partition(".")[0] in CODE_SETS)
            for pattern in parsed.benchmarks
            for found in find(pattern)
        ]
    )
    start = time.process_time()
    annotator = DecontaminationAnnotator(config)
    build_seconds = time.process_time() - start
    hosts = [text for _, text in clean if len(text) >= SPEED_BYTES]
    by_name: dict[str, list[Item]] = defaultdict(list)
    for item in read_items(config.benchmarks):
        by_name[item.benchmark].append(item)
    rng = random.Random(parsed.seed)  # noqa: S311
    chosen = [
        item
        for items in by_name.values()
        for item in rng.sample(items, min(len(items), parsed.items))
    ]
    cases = list(planted(chosen, hosts, parsed.seed))
    false = find_false(annotator, clean)
    by_set, by_length, missed = measure_recall(annotator, cases)
    edits = [name for name in EDITS if name != "verbatim"]
    result = {
        "items": sum(len(items) for items in by_name.values()),
        "planted": len(cases),
        "verbatim_ratio": {
            "tuned": pooled(by_set, ["verbatim"], tuned=True),
            "held_out": pooled(by_set, ["verbatim"], tuned=False),
        },
        "edited_ratio": {
            "tuned": pooled(by_set, edits, tuned=True),
            "held_out": pooled(by_set, edits, tuned=False),
        },
        "by_edit_and_set": by_set,
        "by_edit_and_words": by_length,
        "clean_documents": len(clean),
        "false_hits": len(false),
        "false_hit_ratio": len(false) / len(clean),
        "false": false,
        "microseconds_per_document": measure_speed(annotator, [text for _, text in clean]),
        "document_bytes": SPEED_BYTES,
        "index_file_bytes": len(annotator.index.to_bytes()),
        "index_build_seconds": build_seconds,
    }
    if parsed.json:
        print(json.dumps(result, indent=1))
        return
    report(result)
    for line in rng.sample(missed, min(len(missed), parsed.misses)):
        print("missed", line)


def read_clean(paths: Sequence[str], max_documents: int) -> list[tuple[str, str]]:
    """(id, text) of the clean documents, each text once."""
    seen: dict[str, str] = {}
    for path in paths:
        with Path(path).open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                seen.setdefault(row["text"], str(row.get("id")))
                if len(seen) >= max_documents:
                    break
    return [(name, text) for text, name in seen.items()]


def report(result: dict[str, object]) -> None:
    """Tables for a terminal."""
    by_set: dict[str, dict[str, list[int]]] = result["by_edit_and_set"]  # type: ignore[assignment]
    by_length: dict[str, dict[str, list[int]]] = result["by_edit_and_words"]  # type: ignore[assignment]
    edits = list(by_set)
    names = sorted({name for counts in by_set.values() for name in counts})
    print("set".ljust(24), *(edit.rjust(11) for edit in edits))
    for name in names:
        cells = [
            ratio(iter([by_set[edit][name]])) if name in by_set[edit] else None for edit in edits
        ]
        label = name if name in TUNED else f"{name} *"
        print(label.ljust(24), *("".rjust(11) if c is None else f"{c:11.2%}" for c in cells))
    cells = [ratio(iter(by_set[edit].values())) for edit in edits]
    print("all".ljust(24), *("".rjust(11) if c is None else f"{c:11.2%}" for c in cells))
    for band in map(str, LENGTHS):
        cells = [ratio(iter([by_length[e][band]])) if band in by_length[e] else None for e in edits]
        counted = Counter(
            {edit: by_length[edit][band][1] for edit in edits if band in by_length[edit]}
        )
        label = f"from {band} words ({counted['verbatim']})"
        print(label.ljust(24), *("".rjust(11) if c is None else f"{c:11.2%}" for c in cells))
    print("* held out: no constant was set by them")
    for key in (
        "verbatim_ratio",
        "edited_ratio",
        "clean_documents",
        "false_hits",
        "false_hit_ratio",
    ):
        print(key, result[key])
    for one in result["false"]:  # type: ignore[attr-defined]
        print("  hit", one)
    for key in ("microseconds_per_document", "index_file_bytes", "index_build_seconds"):
        print(key, result[key])


if __name__ == "__main__":
    main()
