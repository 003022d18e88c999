"""The command line: parses and calls, nothing else.

Each verb imports what it needs when it is called, so that ``--help`` answers at once.
"""

import argparse
import logging
import sys
import threading
from collections.abc import Mapping, Sequence

from pipeline.errors import ConfigError, ReasonmillError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 and the number of SIGINT."""

EXIT_REFUSED = 2
"""Exit status when the recipe or the command was refused before anything ran."""

_DESCRIPTION = """\
Raw crawls, PDFs and code in, tokenized shards for Multi-Token-Prediction training out.
"""

_VERBS = {
    "run": (
        "run a recipe, or go on with a run that was stopped",
        """reasonmill run recipes/demo.yaml
  reasonmill run recipes/demo.yaml --set mixture.seed=7 --quiet
  reasonmill run recipes/demo.yaml --runner=FlinkRunner --flink_master=localhost:8081

Every option that is not listed here goes to Beam.""",
    ),
    "plan": (
        "check a recipe and show its inputs, shards, stages and what is already done",
        "reasonmill plan recipes/demo.yaml",
    ),
    "status": (
        "show which stages of a run are done, and how far the others are",
        "reasonmill status runs/demo",
    ),
    "stats": (
        "print the tables of a run and write its report again, or what another rule would keep",
        """reasonmill stats runs/demo
  reasonmill stats runs/demo --what-if "language.code in en|de" --what-if "prose.words>=50\"""",
    ),
    "inspect": (
        "show a document, rejections, failures, or where a token comes from",
        """reasonmill inspect runs/demo --id 0c1f...
  reasonmill inspect runs/demo --rejected prose.words.too_low
  reasonmill inspect runs/demo --rejected prose.words --limit 20
  reasonmill inspect runs/demo --failed
  reasonmill inspect runs/demo --token windows-general/part-00000-of-00001:12:345""",
    ),
    "verify": (
        "count every row and window of a run again, from its files alone",
        "reasonmill verify runs/demo",
    ),
    "extract": (
        "print the text of one page, PDF, notebook, source or text file",
        """reasonmill extract page.html
  reasonmill extract https://example.org/ --json
  curl -s https://example.org/ | reasonmill extract - --engine trafilatura""",
    ),
    "tag": (
        "label documents by a rubric with a model, and train and evaluate a tagger on the labels",
        """reasonmill tag sample runs/demo --out sample.jsonl --documents 3000 --by language.code
  reasonmill tag annotate sample.jsonl --out labels.jsonl.xz --endpoint http://localhost:8000/v1 \\
      --model NAME
  reasonmill tag train labels.jsonl.xz --documents sample.jsonl --out tagger
  reasonmill tag evaluate tagger labels.jsonl.xz --documents sample.jsonl --out tagger.html""",
    ),
    "doctor": (
        "check that this machine has what a run needs",
        "reasonmill doctor",
    ),
}


_BEAM_VERBS = ("run", "tag sample", "tag annotate")
"""Verbs that hand what they do not know to Beam."""

_TAG_VERBS = {
    "sample": (
        "draw a stratified sample of a run's documents, to be labelled",
        """reasonmill tag sample runs/demo --out sample.jsonl --documents 3000
  reasonmill tag sample runs/demo --out sample.jsonl.xz --documents 500 --by tagger.topic \\
      --by content.chars

Every option that is not listed here goes to Beam.""",
    ),
    "annotate": (
        "have a model judge documents by the rubric, or go on where that was stopped",
        """reasonmill tag annotate sample.jsonl --out labels.jsonl.xz \\
      --endpoint http://localhost:8000/v1 --model NAME --limit 20
  reasonmill tag annotate sample.jsonl --out labels.jsonl.xz \\
      --endpoint https://api.example.org/v1 --model NAME --api-key-env API_KEY \\
      --price-in 0.5 --price-out 1.5

What was answered once is not asked again. Every option that is not listed here goes to Beam.""",
    ),
    "train": (
        "train a tagger on labelled documents (needs the torch, gpu or train extra)",
        """reasonmill tag train labels.jsonl.xz --documents sample.jsonl --out tagger
  reasonmill tag train labels.jsonl.xz --documents sample.jsonl --out screen --kind fasttext
  reasonmill tag train labels.jsonl.xz --documents sample.jsonl --out deep \\
      --kind encoder --encoder all-MiniLM-L6-v2/""",
    ),
    "evaluate": (
        "compare a tagger with the labels that are held out of training",
        """reasonmill tag evaluate tagger labels.jsonl.xz --documents sample.jsonl
  reasonmill tag evaluate tagger labels.jsonl.xz --documents sample.jsonl --out tagger.html""",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. 0 means that the counts add up."""
    parser = build_parser()
    known, beam_options = parser.parse_known_args(arguments)
    verb = known.verb if known.verb != "tag" else f"tag {known.tag_verb}"
    if beam_options and verb not in _BEAM_VERBS:
        parser.error(f"{verb} does not know {' '.join(beam_options)}")
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    try:
        act = _tag if known.verb == "tag" else _act
        return act(known, beam_options)
    except ReasonmillError as error:
        sys.stderr.write(f"reasonmill: {type(error).__name__}: {error}\n")
        return EXIT_REFUSED if isinstance(error, ConfigError) else EXIT_FAILED
    except FileNotFoundError as error:
        sys.stderr.write(f"reasonmill: {error}\n")
        return EXIT_REFUSED
    except KeyboardInterrupt:
        sys.stderr.write("\nreasonmill: stopped; the same command goes on from here\n")
        return EXIT_INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; a test holds its options to a list."""
    parser = argparse.ArgumentParser(
        prog="reasonmill", description=_DESCRIPTION, allow_abbrev=False
    )
    made = _add_verbs(parser, "verb", _VERBS)
    for name in ("run", "plan"):
        made[name].add_argument("recipe", help="the recipe's YAML file")
        made[name].add_argument(
            "--set",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            help="set a field of the recipe, for example mixture.seed=7; may be repeated",
        )
    made["run"].add_argument("--quiet", action="store_true", help="print errors only")
    made["run"].add_argument(
        "--until", metavar="STAGE", help="stop after this stage, for example decide"
    )
    for name in ("status", "stats", "inspect", "verify"):
        made[name].add_argument("run", help="the run's folder, as the recipe's output names it")
    made["stats"].add_argument(
        "--what-if",
        action="append",
        default=[],
        metavar="CONDITION",
        help="print what the run's rules and this condition would keep, for example "
        '"prose.words>=50"; may be repeated',
    )
    made["inspect"].add_argument("--id", help="a document's id: its text, measures and fate")
    made["inspect"].add_argument(
        "--rejected",
        metavar="RULE",
        help="documents that broke a rule, first or not; a column's name stands for all its rules, "
        "'any' for all there are",
    )
    made["inspect"].add_argument("--failed", action="store_true", help="inputs that failed")
    made["inspect"].add_argument(
        "--token",
        metavar="STAGE/SHARD:WINDOW:POSITION",
        help="the document a token of a window comes from",
    )
    made["inspect"].add_argument(
        "--limit", type=int, default=5, metavar="N", help="examples to show (default 5)"
    )
    made["extract"].add_argument(
        "source", help="a file, an http(s) address, an fsspec path such as gs://..., or - for stdin"
    )
    made["extract"].add_argument(
        "--engine",
        choices=["reasonmill", "trafilatura", "resiliparse"],
        default="reasonmill",
        help="who reads a page (default reasonmill; the others are there to compare with)",
    )
    made["extract"].add_argument(
        "--json",
        action="store_true",
        help="print all that was found as JSON: text, title, language, date, licence, counts",
    )
    _add_tag_options(_add_verbs(made["tag"], "tag_verb", _TAG_VERBS))
    return parser


def _add_verbs(
    parser: argparse.ArgumentParser, dest: str, described: Mapping[str, tuple[str, str]]
) -> dict[str, argparse.ArgumentParser]:
    verbs = parser.add_subparsers(dest=dest, required=True, metavar="VERB")
    return {
        name: verbs.add_parser(
            name,
            help=help_text,
            description=help_text[0].upper() + help_text[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for name, (help_text, example) in described.items()
    }


def _add_tag_options(made: Mapping[str, argparse.ArgumentParser]) -> None:
    sample, annotate = made["sample"], made["annotate"]
    sample.add_argument("run", help="the run's folder, as the recipe's output names it")
    sample.add_argument("--out", required=True, metavar="FILE", help="JSONL, .xz or .gz too")
    sample.add_argument(
        "--documents", type=int, required=True, metavar="N", help="documents to choose"
    )
    sample.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="COLUMN",
        help="divide each source by this column too, numbers by quantiles; may be repeated",
    )
    annotate.add_argument("documents", help="JSONL of id and text, as tag sample writes it")
    annotate.add_argument("--out", required=True, metavar="LABELS", help="the label file")
    annotate.add_argument(
        "--endpoint", required=True, metavar="URL", help="base of an OpenAI-compatible API"
    )
    annotate.add_argument("--model", required=True, metavar="NAME", help="as the server knows it")
    annotate.add_argument(
        "--api-key-env", metavar="VARIABLE", help="environment variable that holds the API key"
    )
    for side, tokens in (("in", "prompt"), ("out", "completion")):
        annotate.add_argument(
            f"--price-{side}",
            type=float,
            metavar="PRICE",
            help=f"of a million {tokens} tokens, to show the cost",
        )
    annotate.add_argument("--limit", type=int, metavar="N", help="judge only the first N documents")
    made["train"].add_argument("labels", help="the label file")
    made["evaluate"].add_argument("model", help="folder of the tagger")
    made["evaluate"].add_argument("labels", help="the label file")
    for name in ("train", "evaluate"):
        made[name].add_argument(
            "--documents", required=True, metavar="FILE", help="JSONL of the labelled documents"
        )
    made["train"].add_argument("--out", required=True, metavar="MODEL", help="folder to write")
    made["train"].add_argument(
        "--kind",
        choices=("embedding", "fasttext", "encoder"),
        default="embedding",
        help="embedding (default; torch extra), fasttext (train extra) or encoder (gpu extra)",
    )
    made["train"].add_argument(
        "--encoder",
        metavar="FOLDER",
        help="BERT-like model to tune; with --kind embedding it teaches the network",
    )
    made["evaluate"].add_argument(
        "--out", metavar="PAGE", help="write an HTML page, and its numbers as JSON beside it"
    )
    for name in ("annotate", "train", "evaluate"):
        made[name].add_argument(
            "--rubric", metavar="FILE", help="another rubric than the shipped one"
        )


def _act(known: argparse.Namespace, beam_options: list[str]) -> int:
    match known.verb:
        case "run":
            return _run(known, beam_options)
        case "plan":
            from pipeline.config import load_recipe
            from pipeline.plan import print_plan

            print_plan(load_recipe(known.recipe, known.set))
        case "status":
            from pipeline.plan import print_status

            print_status(known.run)
        case "stats":
            _print_stats(known)
        case "inspect":
            from pipeline.inspection import inspect

            return inspect(
                known.run,
                document=known.id,
                rejected=known.rejected,
                is_failed=known.failed,
                token=known.token,
                limit=known.limit,
            )
        case "verify":
            from pipeline.verification import verify_run

            for line in verify_run(known.run):
                print(line)
        case "extract":
            from pipeline.extraction import print_extraction

            return print_extraction(known.source, engine=known.engine, is_json=known.json)
        case "doctor":
            from pipeline.doctor import examine

            return examine()
    return 0


def _print_stats(known: argparse.Namespace) -> None:
    if known.what_if:
        from pipeline.what_if import print_what_if

        print_what_if(known.run, known.what_if)
        return
    from pipeline.results import report

    print(report(known.run))


def _tag(known: argparse.Namespace, beam_options: list[str]) -> int:
    match known.tag_verb:
        case "sample":
            from pipeline.tagging import sample

            _expect_hang_ups()
            sample(
                known.run,
                known.out,
                num_documents=known.documents,
                by=known.by,
                beam_options=beam_options,
            )
        case "annotate":
            from pipeline.tagging import Annotator, annotate
            from pipeline.tagging_progress import Prices

            _expect_hang_ups()
            labelled = annotate(
                known.documents,
                known.out,
                Annotator(known.endpoint, known.model, known.api_key_env),
                prices=Prices(known.price_in, known.price_out),
                limit=known.limit,
                rubric_path=known.rubric,
                beam_options=beam_options,
            )
            return 0 if labelled else EXIT_FAILED
        case "train":
            from pipeline.tagging import train

            train(
                known.labels,
                known.documents,
                known.out,
                kind=known.kind,
                encoder=known.encoder,
                rubric_path=known.rubric,
            )
        case "evaluate":
            from pipeline.tagger_evaluation import evaluate

            evaluate(
                known.model,
                known.labels,
                known.documents,
                out=known.out,
                rubric_path=known.rubric,
            )
    return 0


def _run(known: argparse.Namespace, beam_options: list[str]) -> int:
    from pipeline.config import load_recipe
    from pipeline.progress import Progress
    from pipeline.results import report
    from pipeline.run import run
    from pipeline.synthesis_progress import SynthesisProgress

    _expect_hang_ups()
    recipe = load_recipe(known.recipe, known.set)
    synthesis = SynthesisProgress(recipe.synthesize.prices)
    progress = Progress(is_quiet=known.quiet, details={"synthesize": synthesis.describe})
    run(recipe, beam_options=beam_options, watch=progress.watch, until=known.until)
    page = report(recipe.output, is_quiet=known.quiet)
    if not known.quiet:
        print(f"\nreport: {page}")
    return 0


def _expect_hang_ups() -> None:
    """Keep quiet about how every portable job ends: the server cancels the workers' streams.

    Beam logs that as an error and lets the exception end its thread. A stream that breaks while
    work is left fails the job, and that is reported.
    """
    import grpc

    logging.getLogger("apache_beam.runners.worker.data_plane").setLevel(logging.CRITICAL)
    report = threading.excepthook

    def report_unless_cancelled(ended: threading.ExceptHookArgs) -> None:
        error = ended.exc_value
        if isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.CANCELLED:
            return
        report(ended)

    threading.excepthook = report_unless_cancelled


if __name__ == "__main__":
    sys.exit(main())
