import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evidence.changes import changes
from evidence.models import NotebookEntry, NotebookRevision, StoredFile
from evidence.tests.test_files_api import signed_in, upload
from evidence.tests.test_kinds import upload as content_file
from evidence.tests.test_storage import files_in
from evidence.transitions import create_notebook_entry, edit_notebook_entry, store_file

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def pages(runner):
    return signed_in(runner)


@pytest.fixture
def entry(runner, execution):
    return create_notebook_entry(by=runner, title="Master mix", content="# Mix\n\ntwenty", execution=execution)


def address(name, thing):
    return reverse(name, args=[thing.pk])


def text(response):
    return response.content.decode()


# --- Notebook -------------------------------------------------------------------------------------------------------


def test_the_notebook_of_a_run_lists_its_entries(pages, execution, entry):
    page = pages.get(address("execution_notebook", execution))
    assert page.status_code == 200
    assert "Master mix" in text(page)
    assert address("notebook_new", execution) in text(page)


def test_an_empty_notebook_says_what_to_do(pages, execution):
    assert "No notebook entries yet" in text(pages.get(address("execution_notebook", execution)))


def test_writing_an_entry(pages, execution):
    new = address("notebook_new", execution)
    assert pages.get(new).status_code == 200
    answer = pages.post(new, {"title": "Mix", "content": "one\r\ntwo", "do": "save"})
    entry = NotebookEntry.objects.get()
    assert answer["Location"] == address("notebook_entry", entry)
    assert (entry.content, entry.execution) == ("one\ntwo", execution)


@pytest.mark.parametrize("title", ["", "x" * 201, "a\x00b"])
def test_a_refused_entry_keeps_what_was_typed(pages, execution, title):
    answer = pages.post(address("notebook_new", execution), {"title": title, "content": "my long text"})
    assert answer.status_code == 400
    assert "my long text" in text(answer)
    assert NotebookEntry.objects.count() == 0


def test_a_preview_renders_safely_and_saves_nothing(pages, execution):
    new, form = (
        address("notebook_new", execution),
        {"title": "", "content": "**bold** <script>x</script>", "do": "preview"},
    )
    part, page = pages.post(new, form, headers=FRAGMENT), pages.post(new, form)
    for answer in (part, page):
        assert answer.status_code == 200
        assert "<strong>bold</strong>" in text(answer)
        assert "<script>x" not in text(answer)
    assert "<html" not in text(part)
    assert "<textarea" in text(page)
    assert NotebookEntry.objects.count() == 0


def test_an_entry_shows_its_text_and_every_revision(pages, runner, entry):
    edit_notebook_entry(entry, by=runner, title="Master mix", content="# Mix\n\nthirty", expected_revision=1)
    newest = text(pages.get(address("notebook_entry", entry)))
    assert "thirty" in newest
    assert "<del>-twenty</del><ins>+thirty</ins>" in newest
    first = pages.get(address("notebook_entry", entry), {"revision": 1})
    assert "This is revision 1 of 2" in text(first)
    assert "twenty" in text(first)
    assert "thirty" not in text(first)


@pytest.mark.parametrize("number", ["0", "3", "-1", "x", "²", "9" * 30, "\x00"])
def test_a_revision_that_is_none_is_not_there(pages, entry, number):
    assert pages.get(address("notebook_entry", entry), {"revision": number}).status_code == 404


def test_editing_an_entry(pages, entry):
    edit = address("notebook_edit", entry)
    assert 'name="revision" value="1"' in text(pages.get(edit))
    answer = pages.post(edit, {"title": "Master mix", "content": "new", "revision": "1", "do": "save"})
    assert answer["Location"] == address("notebook_entry", entry)
    assert list(NotebookRevision.objects.values_list("number", "content")) == [(1, "# Mix\n\ntwenty"), (2, "new")]


def test_whoever_was_slower_sees_both_texts_and_may_save_on(pages, colleague, entry):
    edit_notebook_entry(entry, by=colleague, title="Master mix", content="theirs", expected_revision=1)
    edit = address("notebook_edit", entry)
    late = pages.post(edit, {"title": "Master mix", "content": "mine", "revision": "1", "do": "save"})
    assert late.status_code == 409
    assert "Jonas saved revision 2" in text(late)
    assert "<del>-theirs</del><ins>+mine</ins>" in text(late)
    assert 'name="seen" value="2"' in text(late)
    pages.post(edit, {"title": "Master mix", "content": "mine", "revision": "1", "seen": "2", "do": "replace"})
    entry.refresh_from_db()
    assert (entry.content, entry.revision) == ("mine", 3)


@pytest.mark.parametrize("seen", ["", "x", "²", "-1", "9" * 30])
def test_a_forged_seen_revision_saves_nothing(pages, colleague, entry, seen):
    edit_notebook_entry(entry, by=colleague, title="Master mix", content="theirs", expected_revision=1)
    form = {"title": "Master mix", "content": "mine", "revision": "1", "seen": seen, "do": "replace"}
    assert pages.post(address("notebook_edit", entry), form).status_code == 409


def test_an_entry_without_a_run_has_a_page_of_its_own(pages, runner, colleague):
    loose = create_notebook_entry(by=runner, title="Loose", content="text")
    assert pages.get(address("notebook_entry", loose)).status_code == 200
    assert pages.get(address("notebook_edit", loose)).status_code == 200
    assert signed_in(colleague).get(address("notebook_entry", loose)).status_code == 404


def test_long_texts_are_not_compared():
    assert changes("a\n" * 4000, "b\n" * 4000) is None
    assert changes("same", "same") == []


# --- Files ----------------------------------------------------------------------------------------------------------


def test_uploading_a_file_by_plain_form(pages, execution, evidence_folder):
    files = address("execution_files", execution)
    assert 'enctype="multipart/form-data"' in text(pages.get(files))
    answer = pages.post(files, {"upload": upload()}, follow=True)
    assert answer.redirect_chain == [(files, 302)]
    assert "plate3_raw.eds" in text(answer)
    assert StoredFile.objects.get().execution == execution
    assert len(files_in(evidence_folder)) == 1


def test_uploading_a_file_by_script_answers_its_row(pages, execution):
    answer = pages.post(address("execution_files", execution), {"upload": upload()}, headers=FRAGMENT)
    assert answer.status_code == 201
    assert text(answer).strip().startswith("<li>")


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
@pytest.mark.parametrize(
    ("fields", "sentence"), [({}, "Choose a file"), ({"upload": upload(data=b"")}, "This file is empty")]
)
def test_a_refused_upload_says_why(pages, execution, headers, fields, sentence, evidence_folder):
    answer = pages.post(address("execution_files", execution), fields, headers=headers)
    assert answer.status_code == 400
    assert sentence in text(answer)
    assert StoredFile.objects.count() == 0


def test_a_form_that_is_announced_too_large(pages, execution, settings, evidence_folder):
    settings.UPLOAD_MAX_BYTES = 10
    answer = pages.post(address("execution_files", execution), {"upload": upload(data=b"x" * 100_000)})
    assert answer.status_code == 413
    assert "at most" in text(answer)
    assert not evidence_folder.exists()


def test_an_upload_needs_the_csrf_token_of_its_form(runner, execution, evidence_folder):
    pages = signed_in(runner, enforce_csrf_checks=True)
    files = address("execution_files", execution)
    assert pages.post(files, {"upload": upload()}).status_code == 403
    assert files_in(evidence_folder) == []
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text(pages.get(files)))[1]
    assert pages.post(files, {"csrfmiddlewaretoken": token, "upload": upload()}).status_code == 302


def test_a_hostile_name_is_shown_as_text(pages, runner, execution):
    store_file(content_file(name="<img src=x onerror=alert(1)>\u202egpj.exe"), by=runner, execution=execution)
    page = text(pages.get(address("execution_files", execution)))
    assert "<img src=x" not in page
    assert "\u202e" not in page


def test_a_file_is_downloaded_as_an_attachment(pages, runner, execution):
    file = store_file(content_file(), by=runner, execution=execution)
    answer = pages.get(address("file_download", file))
    assert b"".join(answer.streaming_content) == b"raw data"
    assert answer["Content-Disposition"] == 'attachment; filename="plate3_raw.eds"'


# --- Who ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def addresses(runner, execution, entry):
    file = store_file(content_file(), by=runner, execution=execution)
    return {
        "execution_notebook": execution, "notebook_new": execution, "execution_files": execution,
        "notebook_entry": entry, "notebook_edit": entry, "file_download": file,
    }  # fmt: skip


def test_a_stranger_finds_none_of_it(addresses, stranger):
    pages = signed_in(stranger)
    assert {name: pages.get(address(name, thing)).status_code for name, thing in addresses.items()} == dict.fromkeys(
        addresses, 404
    )
    assert pages.post(address("execution_files", addresses["execution_files"]), {"upload": upload()}).status_code == 404


def test_nobody_gets_in_without_signing_in(addresses):
    for name, thing in addresses.items():
        assert Client().get(address(name, thing)).status_code == 302
    assert (
        Client().post(address("execution_files", addresses["execution_files"]), {"upload": upload()}).status_code == 302
    )
    assert StoredFile.objects.count() == 1


def test_a_reader_reads_and_is_told_why_not_more(addresses, execution, stranger):
    execution.access.create(user=stranger, reason="may sign")
    pages = signed_in(stranger)
    statuses = {name: pages.get(address(name, thing)).status_code for name, thing in addresses.items()}
    assert statuses == {
        "execution_notebook": 200, "notebook_new": 403, "execution_files": 200,
        "notebook_entry": 200, "notebook_edit": 403, "file_download": 200,
    }  # fmt: skip
    assert "Only who runs this" in text(pages.get(address("execution_notebook", execution)))
    assert 'type="file"' not in text(pages.get(address("execution_files", execution)))
    assert pages.post(address("execution_files", execution), {"upload": upload()}).status_code == 403


@pytest.mark.parametrize("name", ["execution_notebook", "execution_files"])
def test_lists_take_as_many_queries_for_thirty_as_for_one(pages, runner, execution, name):
    counts = []
    for number in (1, 29):
        for each in range(number):
            create_notebook_entry(by=runner, title=f"{number} {each}", execution=execution)
            store_file(content_file(f"{number} {each}".encode()), by=runner, execution=execution)
        with CaptureQueriesContext(connection) as queries:
            pages.get(address(name, execution))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_an_entry_takes_as_many_queries_with_thirty_revisions(pages, runner, entry):
    counts = []
    for number in (1, 29):
        for _ in range(number):
            edit_notebook_entry(
                entry,
                by=runner,
                title="Mix",
                content=f"{number} {_}",
                expected_revision=NotebookEntry.objects.get().revision,
            )
        with CaptureQueriesContext(connection) as queries:
            pages.get(address("notebook_entry", entry))
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("model", ["storedfile", "notebookentry", "notebookrevision", "frozenevidence"])
def test_the_admin_only_looks(db, model, addresses):
    from evidence.tests import factories

    admin = signed_in(factories.person("Root", is_admin=True, is_staff=True, is_superuser=True))
    assert admin.get(f"/admin/evidence/{model}/").status_code == 200
    assert admin.get(f"/admin/evidence/{model}/add/").status_code == 403
    assert admin.post(f"/admin/evidence/{model}/add/", {}).status_code == 403
