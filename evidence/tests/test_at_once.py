"""Several people, one moment."""

import threading

import pytest
from django.core.management import call_command
from django.db import connections

from evidence.models import NotebookRevision, StoredFile
from evidence.storage import Draft
from evidence.tests import factories
from evidence.tests.test_kinds import upload
from evidence.tests.test_storage import files_in
from evidence.transitions import create_notebook_entry, edit_notebook_entry, store_file
from ledger.errors import TransitionDenied


def at_once(*calls):
    """Run the calls in threads that start together; answers their results or refusals in order."""
    results, gate = [None] * len(calls), threading.Barrier(len(calls))

    def run(place, call):
        gate.wait()
        try:
            results[place] = call()
        except Exception as error:  # noqa: BLE001  the test looks at it
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def people(transactional_db):
    lab = factories.team()
    return [factories.person(name, team=lab) for name in ("Lea", "Jonas", "Ada", "Omar")]


def test_of_four_editors_at_once_one_wins(people):
    entry = create_notebook_entry(
        by=people[0], title="Mix", execution=factories.run(people[0], team=people[0].teams.get())
    )
    results = at_once(
        *[
            lambda by=by: edit_notebook_entry(entry, by=by, title="Mix", content=by.full_name, expected_revision=1)
            for by in people
        ]
    )
    refused = [result for result in results if isinstance(result, TransitionDenied)]
    assert len(refused) == 3
    assert list(NotebookRevision.objects.values_list("number", flat=True)) == [1, 2]
    entry.refresh_from_db()
    assert entry.content == NotebookRevision.objects.get(number=2).edited_by_name


def test_four_uploads_of_the_same_bytes_at_once_share_one_blob(people, evidence_folder):
    at_once(*[lambda by=by: store_file(upload(b"same" * 100_000), by=by) for by in people])
    assert StoredFile.objects.count() == 4
    assert len(files_in(evidence_folder)) == 1


def test_the_command_removes_abandoned_uploads(evidence_folder, capsys):
    abandoned = Draft(limit=10)
    call_command("clean_uploads", older_than=0)
    assert capsys.readouterr().out == "1 abandoned uploads removed.\n"
    assert not abandoned._path.exists()
