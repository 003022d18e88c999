"""The command line: its verbs and options are a promise, and every refusal says what to do."""

import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest
import yaml

from pipeline.cli import EXIT_REFUSED, build_parser, main

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "recipes" / "demo.yaml"

PROMISED = {
    "run": {"recipe", "--set", "--quiet", "--until", "--help"},
    "plan": {"recipe", "--set", "--help"},
    "status": {"run", "--help"},
    "stats": {"run", "--what-if", "--help"},
    "inspect": {"run", "--id", "--rejected", "--failed", "--token", "--limit", "--help"},
    "verify": {"run", "--help"},
    "extract": {"source", "--engine", "--json", "--help"},
    "tag": {"tag_verb", "--help"},
    "doctor": {"--help"},
}

PROMISED_OF_TAG = {
    "sample": {"run", "--out", "--documents", "--by", "--help"},
    "annotate": {
        "documents",
        "--out",
        "--endpoint",
        "--model",
        "--api-key-env",
        "--price-in",
        "--price-out",
        "--limit",
        "--rubric",
        "--help",
    },
    "train": {"labels", "--documents", "--encoder", "--kind", "--out", "--rubric", "--help"},
    "evaluate": {"model", "labels", "--documents", "--out", "--rubric", "--help"},
}


def choices_of(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    [choices] = [a.choices for a in parser._actions if isinstance(a.choices, dict)]
    return choices


def options_of(choices: dict[str, ArgumentParser]) -> dict[str, set[str]]:
    return {
        name: {
            next((o for o in action.option_strings if o.startswith("--")), action.dest)
            for action in verb._actions
        }
        for name, verb in choices.items()
    }


def test_verbs_and_options_are_those_promised() -> None:
    verbs = choices_of(build_parser())
    assert options_of(verbs) == PROMISED
    assert options_of(choices_of(verbs["tag"])) == PROMISED_OF_TAG


ALL_VERBS = sorted([*PROMISED, *(f"tag {verb}" for verb in PROMISED_OF_TAG)])


@pytest.mark.parametrize("verb", ALL_VERBS)
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*verb.split(), "--help"])
    assert ended.value.code == 0
    assert f"reasonmill {verb}" in capsys.readouterr().out.partition("example:")[2]


@pytest.mark.parametrize("verb", ALL_VERBS)
def test_the_readme_shows_every_verb(verb: str) -> None:
    assert f"reasonmill {verb}" in (ROOT / "README.md").read_text()


def test_help_answers_without_loading_beam() -> None:
    code = (
        "import sys, pipeline.cli; pipeline.cli.build_parser(); print('apache_beam' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("mixture.mtp_depht=2", "mixture.mtp_depht: unknown field; allowed here: "),
        ("split_bytes=many", 'split_bytes: got "many"'),
        ("split_bytes=1", "split_bytes: got 1: Input should be greater than or equal to 65536"),
        ("sources.web.format=docx", "sources.web.format: got \"docx\": Input should be 'warc'"),
        ("nothing", "--set 'nothing': write it as field.subfield=value"),
    ],
)
def test_an_impossible_setting_is_refused_before_anything_is_read(
    setting: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    output = tmp_path / "run"
    arguments = ["run", str(DEMO), "--set", f"output={output}", "--set", setting]
    assert main(arguments) == EXIT_REFUSED
    assert said in capsys.readouterr().err
    assert not output.exists()


def test_a_missing_recipe_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "nowhere.yaml"]) == EXIT_REFUSED
    assert "no recipe at 'nowhere.yaml'" in capsys.readouterr().err


def test_a_source_that_matches_no_file_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pattern = str(tmp_path / "*.warc.gz")
    arguments = ["plan", str(DEMO), "--set", f"sources.web.paths=[{pattern}]"]
    assert main(arguments) == EXIT_REFUSED
    assert f"sources.web.paths: '{pattern}' matches no file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["status runs/demo", "tag evaluate tagger labels.jsonl --documents sample.jsonl"]
)
def test_verbs_that_run_no_job_refuse_beam_options(command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--runner=FlinkRunner"])
    assert ended.value.code == 2


def test_a_run_that_never_started_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["status", str(tmp_path)]) == EXIT_REFUSED
    assert "nothing has been run there" in capsys.readouterr().err


def test_the_demo_recipe_points_editors_at_the_schema() -> None:
    first = DEMO.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=recipe.schema.json"
    yaml.safe_load(DEMO.read_text())
