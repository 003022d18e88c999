from pathlib import Path

import pytest

from synth.engines import usage_notes
from synth.engines.usage import Usage
from synth.engines.usage_notes import UsageNotes, read_usage


def test_processes_are_summed_and_a_torn_note_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_notes, "WRITE_SECONDS", 0.0)
    for tokens in (5, 7):
        notes = UsageNotes(str(tmp_path))
        notes.note(Usage(asked=1))
        notes.note(Usage(asked=2, completion_tokens_asked=tokens))
    (tmp_path / "torn.json").write_text('{"ask')
    assert read_usage(str(tmp_path)) == Usage(asked=4, completion_tokens_asked=12)
    assert read_usage(str(tmp_path / "nowhere")) == Usage()


def test_notes_are_written_now_and_then_only(tmp_path: Path) -> None:
    notes = UsageNotes(str(tmp_path))
    for number in range(5):
        notes.note(Usage(asked=number))
    assert read_usage(str(tmp_path)).asked == 0


def test_without_a_folder_nothing_is_noted(tmp_path: Path) -> None:
    UsageNotes(None).note(Usage(asked=1))
    assert list(tmp_path.iterdir()) == []
