"""The command line: parses and calls, nothing else.

Each verb imports what it needs when it is called, so that ``--help`` answers at once.
"""

import argparse
import logging
import sys
import threading
from collections.abc import Sequence

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
        "print the tables of a run and write its report again",
        "reasonmill stats runs/demo",
    ),
    "inspect": (
        "show a document, rejections, failures, or where a token comes from",
        """reasonmill inspect runs/demo --id 0c1f...
  reasonmill inspect runs/demo --rejected prose.words.too_low
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
    "doctor": (
        "check that this machine has what a run needs",
        "reasonmill doctor",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. 0 means that the counts add up."""
    parser = build_parser()
    known, beam_options = parser.parse_known_args(arguments)
    if beam_options and known.verb != "run":
        parser.error(f"{known.verb} does not know {' '.join(beam_options)}")
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    try:
        return _act(known, beam_options)
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
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    made = {
        name: verbs.add_parser(
            name,
            help=help_text,
            description=help_text[0].upper() + help_text[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for name, (help_text, example) in _VERBS.items()
    }
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
    made["inspect"].add_argument("--id", help="a document's id: its text, measures and fate")
    made["inspect"].add_argument(
        "--rejected", metavar="REASON", help="documents rejected for a reason ('any' for all)"
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
    return parser


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
            from pipeline.results import report

            print(report(known.run))
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


def _run(known: argparse.Namespace, beam_options: list[str]) -> int:
    from pipeline.config import load_recipe
    from pipeline.progress import Progress
    from pipeline.results import report
    from pipeline.run import run

    _expect_hang_ups()
    recipe = load_recipe(known.recipe, known.set)
    progress = Progress(is_quiet=known.quiet)
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
