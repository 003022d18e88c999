"""What the measures of generated texts say of natural texts and of the same texts with a fault.

    python -m benchmarks.text_checks [--dataset DIR] [--worst N]

Natural texts are those of examples/corpus/tables and, with --dataset, the pages of DIR/pages.tar.xz
(which belong to their sites, and are no part of this repository), from 300 to 20,000 characters.
Each fault is planted in each of them. For each measure, with the bound that strategies hold texts
to: the share of natural texts that break it (false alarms), the share of faulty ones (found), and
the names of the natural texts that do worst.
"""

import argparse
import gzip
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from extractors.html import extract_text
from synth.verification.text_checks import TextMeasures, measure_text

TABLES = Path(__file__).parents[1] / "examples" / "corpus" / "tables"
MIN_CHARS, MAX_CHARS = 300, 20_000
PAGES = 400

PROMPT = (
    "Rewrite the document as a section of a textbook. Keep every fact, number and formula of it, "
    "explain each step in full sentences, and write nothing but the section itself."
)
CHINESE = (
    "\u6211\u4eec\u9700\u8981\u8ba1\u7b97\u8fd9\u4e2a\u51fd\u6570\u7684\u5bfc\u6570\uff0c"
    "\u7136\u540e\u4ee3\u5165\u6570\u503c\uff0c\u5f97\u5230\u6700\u540e\u7684\u7ed3\u679c\u3002"
)
SPANISH = (
    "Para resolver este problema primero tenemos que calcular la derivada de la funci\u00f3n y "
    "despu\u00e9s igualarla a cero, porque en un m\u00e1ximo la pendiente es nula. "
)
STRANGER = (
    "In 1873 Doctor Ezekiel Thornbury of Wexcombe measured 48.37 percent of the 9,214 samples, as "
    "the journal Annals of Improbable Tides reported from Port Ellery and Saint Godwin. "
)

Plant = Callable[[str], str]
Breaks = Callable[[TextMeasures], bool]

CHECKS: dict[str, tuple[Breaks, Plant]] = {
    "copy_ratio > 0.5": (lambda m: (m.copy_ratio or 0) > 0.5, lambda text: text),
    "grounded_ratio < 0.6": (
        lambda m: m.grounded_ratio is not None and m.grounded_ratio < 0.6,
        lambda text: STRANGER + text[:200],
    ),
    "repetition_ratio > 0.3": (
        lambda m: m.repetition_ratio > 0.3,
        lambda text: f"{text}\n\n{text}",
    ),
    "loop_chars > 200": (
        lambda m: m.loop_chars > 200,
        lambda text: text + "\n" + "Wait, let me check that again. " * 12,
    ),
    "compression_ratio < 0.15": (
        lambda m: m.compression_ratio is not None and m.compression_ratio < 0.15,
        lambda text: text[:300] * 30,
    ),
    "foreign_script_ratio > 0.02": (
        lambda m: m.foreign_script_ratio > 0.02,
        lambda text: text + CHINESE * (1 + len(text) // 800),
    ),
    "is_language_switched": (
        lambda m: m.is_language_switched is True,
        lambda text: f"{text}\n\n{SPANISH * 4}",
    ),
    "num_refusals > 0": (
        lambda m: m.num_refusals > 0,
        lambda text: text + "\n\nI'm sorry, but I cannot help with that request.",
    ),
    "num_meta_phrases > 0": (
        lambda m: m.num_meta_phrases > 0,
        lambda text: f"Certainly! Here is the revised section, based on the text.\n\n{text}",
    ),
    "prompt_echo_ratio > 0.02": (
        lambda m: (m.prompt_echo_ratio or 0) > 0.02,
        lambda text: f"{PROMPT}\n\n{text[:3000]}",
    ),
    "is_unfinished": (
        lambda m: m.is_unfinished,
        lambda text: text + "\n\nAfter that we have to take into account that the whole of the",
    ),
}


def natural_texts(dataset: Path | None) -> Iterator[tuple[str, str]]:
    """Names and texts."""
    for path in sorted(TABLES.glob("*.jsonl*")):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                yield f"{path.name}:{number}", json.loads(line)["text"]
    rows = pq.read_table(TABLES / "documentation.parquet", columns=["text"]).to_pylist()
    for number, row in enumerate(rows):
        yield f"documentation:{number}", row["text"]
    if dataset is None:
        return
    with tarfile.open(dataset / "pages.tar.xz") as pages:
        members = [member for member in pages if member.isfile()]
        for member in members[:: max(1, len(members) // PAGES)]:
            if (file := pages.extractfile(member)) is not None:
                yield Path(member.name).stem, extract_text(file.read(), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--dataset", type=Path, help="folder with pages.tar.xz")
    parser.add_argument("--worst", type=int, default=4, help="names printed for each measure")
    arguments = parser.parse_args()
    found = [
        (name, text)
        for name, text in natural_texts(arguments.dataset)
        if MIN_CHARS <= len(text) <= MAX_CHARS
    ]
    # Half of a text is a source that the other half was not copied from.
    started = time.perf_counter()
    natural = [
        (name, measure_text(text, source=text[: len(text) // 2], prompt=PROMPT))
        for name, text in found
    ]
    seconds = time.perf_counter() - started
    megabytes = sum(len(text.encode()) for _, text in found) / 1e6
    print(f"{len(found)} natural texts, {megabytes:.1f} MB, {megabytes / seconds:.2f} MB/s\n")
    print(f"{'measure':30} {'false alarms':>12} {'found':>7}  worst natural texts")
    for title, (breaks, plant) in CHECKS.items():
        is_copy, is_grounding = title.startswith("copy"), title.startswith("grounded")
        if is_copy or is_grounding:  # against another text than its own
            others = [text for _, text in found[1:]] + [found[0][1]]
            pairs = zip(found, others, strict=True)
            alarms = [
                name
                for (name, text), other in pairs
                if breaks(measure_text(text, source=other if is_copy else text, prompt=None))
            ]
        else:
            alarms = [name for name, measures in natural if breaks(measures)]
        hits = sum(
            breaks(measure_text(plant(text), source=text, prompt=PROMPT)) for _, text in found
        )
        share, recall = len(alarms) / len(found), hits / len(found)
        print(f"{title:30} {share:12.1%} {recall:7.1%}  {', '.join(alarms[: arguments.worst])}")


if __name__ == "__main__":
    main()
