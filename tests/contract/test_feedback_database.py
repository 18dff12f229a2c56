"""What the server keeps of suggestions is what the trainer reads of them."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.feedback.database import COLUMNS, open_for_writing, write_rows
from lsp_server.feedback.rows import Acceptance, Ending, Fate, Settled
from tests.feedback_rows import ACCEPTED
from trainer.alignment.config import PreferencesConfig
from trainer.alignment.preferences import feedback as preference_feedback
from trainer.alignment.preferences.feedback import FeedbackSource
from trainer.alignment.preferences.material import Material
from trainer.alignment.preferences.pairs import Preference, Unused

KEPT = replace(
    ACCEPTED,
    id="1",
    retained_characters=8,
    fate=Fate.KEPT,
    settled=Settled.ON_TIME,
    path="a.py",
    prefix="x = ",
    suffix="\n",
)
REFUSED = replace(
    KEPT,
    id="2",
    text="third",
    outcome=Acceptance.IGNORED,
    ending=Ending.DIVERGED,
    accepted_characters=0,
    retained_characters=None,
    fate=None,
    settled=None,
)


def test_the_trainer_reads_columns_that_the_server_writes() -> None:
    assert set(preference_feedback.COLUMNS) <= set(COLUMNS)


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return Material(PreferencesConfig(), {}, tmp_path)


def test_a_kept_suggestion_is_preferred_to_one_that_the_user_went_against(
    tmp_path: Path, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "feedback.sqlite"
    with closing(open_for_writing(path)) as connection:
        write_rows(connection, [KEPT, REFUSED])

    (pair,) = FeedbackSource(database=str(path)).read(material)
    monkeypatch.setenv("LORY_FEEDBACK", str(path))
    assert list(FeedbackSource().read(material)) == [pair], "the server's own file unless named"

    assert isinstance(pair, Preference)
    assert (pair.chosen, pair.rejected) == ("first(a)", "third")
    assert (pair.prompt.prefix, pair.prompt.suffix, pair.prompt.path) == ("x = ", "\n", "a.py")


def test_suggestions_without_their_prompts_text_are_counted_and_not_used(
    tmp_path: Path, material: Material
) -> None:
    path = tmp_path / "feedback.sqlite"
    bare = [replace(row, path=None, prefix=None, suffix=None) for row in (KEPT, REFUSED)]
    with closing(open_for_writing(path)) as connection:
        write_rows(connection, bare)

    rows = list(FeedbackSource(database=str(path)).read(material))

    assert rows
    assert all(isinstance(row, Unused) for row in rows)
