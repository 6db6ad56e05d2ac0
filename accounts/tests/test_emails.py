"""Notifications by e-mail: when, to whom, what is in them, and that each is sent once."""

import multiprocessing
import os
import re
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection, connections
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from accounts import emails, tasks
from accounts.enums import EmailWhen
from accounts.models import Notification, NotificationChoice
from accounts.notify import next_digest, notify
from accounts.transitions_notifications import (
    ATTEMPTS,
    LEASE,
    claim_emails,
    give_emails_back,
    mark_notifications_read,
    note_emails_sent,
)

MONDAY = datetime(2026, 5, 11, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def configured(settings):
    settings.EMAIL_CONFIGURED = True
    settings.SITE_URL = "https://biolabs.example"


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


class Refusing(EmailBackend):
    def send_messages(self, messages):
        raise OSError("550 lea@lab.org: no such mailbox")


class Down(EmailBackend):
    def open(self):
        raise ConnectionRefusedError


def told(*people, kind="stage_to_sign", title="To sign: Run 12, QA", **more):
    return notify(people, kind=kind, title=title, url="/exports/1/", **more)


def jobs():
    return [
        (job["func"], list(job["args"])) for job in (SignedPackage.loads(row.payload) for row in OrmQ.objects.all())
    ]


def choose(user, kind, when):
    NotificationChoice.objects.create(user=user, kind=kind, email=when)


# --- When -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "due"),
    [
        (None, MONDAY),
        (EmailWhen.AT_ONCE, MONDAY),
        (EmailWhen.DIGEST, datetime(2026, 5, 12, 6, tzinfo=UTC)),
        (EmailWhen.OFF, None),
    ],
)
def test_a_notification_goes_by_e_mail_as_the_person_chose(clock, lea, jonas, choice, due):
    if choice:
        choose(lea, "stage_to_sign", choice)
    choose(jonas, "stage_to_sign", EmailWhen.OFF)
    told(lea, jonas)
    assert lea.notifications.get().email_due_at == due
    assert jobs() == ([("accounts.tasks.send_emails", [str(lea.pk)])] if due == MONDAY else [])


def test_a_kind_that_nobody_knows_stays_in_the_portal(lea):
    told(lea, kind="unheard_of")
    assert lea.notifications.get().email_due_at is None


def test_without_e_mail_nothing_is_queued_and_nothing_asked(lea, settings, django_assert_num_queries):
    settings.EMAIL_CONFIGURED = False
    with django_assert_num_queries(1):
        told(lea)
    assert lea.notifications.get().email_due_at is None
    assert jobs() == []
    assert tasks.send_emails(str(lea.pk)) == tasks.sweep_emails() == "e-mail is not configured"


@pytest.mark.parametrize("count", [1, 30])
def test_telling_many_takes_as_many_queries_as_telling_one(django_user_model, db, count, django_assert_num_queries):
    people = [django_user_model.objects.create_user(f"p{number}@lab.org") for number in range(count)]
    with django_assert_num_queries(3):
        told(*people)


@pytest.mark.parametrize(("hour", "day"), [(5, 11), (6, 12), (23, 12)])
def test_the_digest_goes_at_the_next_digest_hour(settings, hour, day):
    settings.DIGEST_HOUR = 6
    assert next_digest(datetime(2026, 5, 11, hour, 0, tzinfo=UTC)) == datetime(2026, 5, day, 6, tzinfo=UTC)


# --- Sending --------------------------------------------------------------------------------------------------------


def test_the_job_sends_one_message_and_marks_it(lea, jonas):
    told(lea)
    assert tasks.send_emails(str(lea.pk), str(jonas.pk)) == "1 sent"
    assert [message.to for message in mail.outbox] == [["lea@lab.org"]]
    assert lea.notifications.get().emailed_at is not None
    assert tasks.send_emails(str(lea.pk)) == "0 sent"
    assert len(mail.outbox) == 1


def test_the_digest_is_one_message_when_its_time_has_come(clock, lea, jonas):
    for number in range(3):
        told(lea, kind="dossier_ready", title=f"Dossier {number}")
    told(jonas)
    assert tasks.sweep_emails() == "1 sent"
    clock.move_to(datetime(2026, 5, 12, 6, tzinfo=UTC))
    assert tasks.sweep_emails() == "1 sent"
    assert [message.subject for message in mail.outbox] == [
        "[BioLabs] To sign: Run 12, QA",
        "[BioLabs] 3 notifications",
    ]
    assert tasks.sweep_emails() == "0 sent"


def test_the_sweep_sends_what_a_lost_job_left_behind(lea):
    told(lea)
    OrmQ.objects.all().delete()
    assert tasks.sweep_emails() == "1 sent"


def test_the_deactivated_get_no_e_mail_then_or_later(lea):
    told(lea)
    lea.is_active = False
    lea.save()
    assert tasks.sweep_emails() == "0 sent"
    lea.is_active = True
    lea.save()
    assert tasks.sweep_emails() == "0 sent"
    assert mail.outbox == []


def test_what_was_read_in_the_portal_is_not_sent_but_for_the_safety_of_the_account(lea):
    told(lea)
    told(lea, kind="account.locked", title="Your account is locked")
    mark_notifications_read(by=lea)
    assert tasks.sweep_emails() == "1 sent"
    assert mail.outbox[0].subject == "[BioLabs] Your account is locked"


def test_a_failure_gives_the_rows_back_with_back_off_and_in_the_end_gives_up(clock, lea, settings, caplog):
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    told(lea)
    waits = []
    for attempt in range(1, ATTEMPTS + 1):
        assert tasks.sweep_emails() == "0 sent"
        row = lea.notifications.get()
        assert (row.email_attempts, row.emailed_at) == (attempt, None)
        if attempt < ATTEMPTS:
            waits.append((row.email_due_at - timezone.now()).total_seconds() / 60)
            clock.move_to(row.email_due_at - timedelta(seconds=1))
            tasks.sweep_emails()
            assert lea.notifications.get().email_attempts == attempt
            clock.move_to(row.email_due_at)
    assert waits == [1, 5, 30, 120, 480]
    assert row.email_due_at is None
    assert emails.given_up().get() == row
    assert "gave up 1 notifications" in caplog.text
    assert "lea@lab.org" not in caplog.text
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tasks.sweep_emails() == "0 sent"


def test_a_mail_server_that_is_down_costs_no_attempt(lea, settings):
    settings.EMAIL_BACKEND = f"{__name__}.Down"
    told(lea)
    assert tasks.sweep_emails() == "0 sent, then the mail server did not answer"
    assert lea.notifications.get().email_attempts == 0


def test_one_bad_address_does_not_keep_the_others_from_theirs(lea, jonas, monkeypatch):
    told(lea, jonas)
    honest = EmailBackend.send_messages

    def picky(backend, messages):
        if messages[0].to == ["jonas@lab.org"]:
            raise OSError
        return honest(backend, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", picky)
    assert tasks.sweep_emails() == "1 sent"
    assert mail.outbox[0].to == ["lea@lab.org"]


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_mail_server_talks(lea, monkeypatch):
    told(lea)
    seen = []
    monkeypatch.setattr(EmailBackend, "send_messages", lambda *_: seen.append(connection.in_atomic_block) or 1)
    assert tasks.send_emails(str(lea.pk)) == "1 sent"
    assert seen == [False]


# --- Claims ---------------------------------------------------------------------------------------------------------


def test_a_worker_killed_after_its_claim_leaves_the_message_to_the_sweep_after_the_lease(clock, lea, monkeypatch):
    told(lea)

    def killed(step):
        raise KeyboardInterrupt

    monkeypatch.setattr(emails, "at_step", killed)
    with pytest.raises(KeyboardInterrupt):
        tasks.send_emails(str(lea.pk))
    monkeypatch.undo()
    assert tasks.sweep_emails() == "0 sent"
    clock.shift(LEASE)
    assert tasks.sweep_emails() == "1 sent"
    assert lea.notifications.get().email_attempts == 2


def test_a_worker_killed_after_the_server_accepted_sends_twice_under_one_message_id(clock, lea, monkeypatch):
    told(lea)
    monkeypatch.setattr(emails, "note_emails_sent", lambda claim: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tasks.send_emails(str(lea.pk))
    monkeypatch.undo()
    clock.shift(LEASE)
    assert tasks.sweep_emails() == "1 sent"
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 1
    assert len(mail.outbox) == 2


def test_workers_that_are_killed_again_and_again_come_to_an_end(clock, lea):
    told(lea)
    for _ in range(ATTEMPTS):
        assert claim_emails(lea.pk, now=timezone.now())
        clock.shift(LEASE)
    assert claim_emails(lea.pk, now=timezone.now()) is None
    assert emails.given_up().count() == 1


def test_a_late_worker_gives_nothing_back_and_may_still_say_sent(clock, lea):
    told(lea)
    late = claim_emails(lea.pk, now=timezone.now())
    clock.shift(LEASE)
    second = claim_emails(lea.pk, now=timezone.now())
    give_emails_back(late, now=timezone.now())
    assert lea.notifications.get().email_due_at == second.until
    note_emails_sent(late)
    assert lea.notifications.get().emailed_at == timezone.now()


def _in_a_process(user_pk, barrier, inbox):
    class Filing(EmailBackend):
        def send_messages(self, messages):
            for message in messages:
                (inbox / f"{os.getpid()}-{time.monotonic_ns()}").write_text(message.subject)
            return len(messages)

    EmailBackend.send_messages = Filing.send_messages
    try:
        barrier.wait(30)
        tasks.send_emails(user_pk)
    finally:
        connections.close_all()
        os._exit(0)  # nothing of the test session is torn down here


@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_send_one_message(lea, tmp_path):
    told(lea)
    told(lea, title="Another")
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(4)
    workers = [fork.Process(target=_in_a_process, args=(str(lea.pk), barrier, tmp_path)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["[BioLabs] 2 notifications"]
    assert {row.email_attempts for row in lea.notifications.all()} == {1}
    assert all(row.emailed_at for row in lea.notifications.all())


# --- What is in it --------------------------------------------------------------------------------------------------


def sent(lea, **given):
    told(lea, **given)
    tasks.sweep_emails()
    message = mail.outbox[-1]
    return message, message.body, message.alternatives[0][0]


def test_a_message_has_text_and_html_one_link_and_says_that_a_machine_sent_it(lea):
    message, text, html = sent(lea, body="Stage 2 waits for the role qa.")
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"
    for body in (text, html):
        links = re.findall(r"https://[^\s\"<]+", body)
        assert links == [
            "https://biolabs.example/exports/1/",
            "https://biolabs.example/account/notifications/choices/",
        ]
        assert "Stage 2 waits for the role qa." in body
        assert "To sign: Run 12, QA" in body
    assert "Hello Lea" in text
    assert message.message().get_content_type() == "multipart/alternative"


@pytest.mark.parametrize(
    "evil",
    ["A\r\nBcc: evil@else.org", "A\nSubject: B", "A\x00B", "A\u2028B", "A\u202eB", "A\udc80B"],
    ids=["bcc", "subject", "nul", "line separator", "bidi", "surrogate"],
)
def test_no_title_adds_a_header_or_a_line(lea, evil):
    message = emails.compose(lea, [Notification(user=lea, kind="stage_to_sign", title=evil, created_at=MONDAY)])
    head = message.message().as_bytes().split(b"\n\n")[0]
    assert b"\nBcc" not in head
    assert head.count(b"\nSubject:") == 1
    assert message.recipients() == ["lea@lab.org"]
    assert evil not in message.body


def test_markup_in_titles_and_notes_is_shown_as_text(lea):
    lea.full_name = "<img src=x> Novak"
    lea.save()
    _, text, html = sent(
        lea, title="<script>alert(1)</script>", body='"><a href="https://evil.org">click</a>\nNew line'
    )
    assert "<script" not in html
    assert 'href="https://evil.org"' not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert '"><a href="https://evil.org">click</a> New line' in text


def test_a_long_note_is_cut(lea):
    _, text, _ = sent(lea, body="x" * 5000)
    assert "x" * 499 + "…" in text
    assert "x" * 500 not in text


def test_many_are_grouped_and_capped(lea):
    for number in range(35):
        told(lea, kind=("dossier_ready" if number % 2 else "stage_to_sign"), title=f"Thing {number}")
    told(lea, kind="unheard_of")
    Notification.objects.update(email_due_at=timezone.now())
    tasks.sweep_emails()
    (message,) = mail.outbox
    html = message.alternatives[0][0]
    assert message.subject == "[BioLabs] 36 notifications"
    assert html.count("<li>") == message.body.count("\n- ") == 30
    assert "and 6 more" in html
    assert "and 6 more: https://biolabs.example/account/notifications/" in message.body
    assert re.findall("<h2>(.*)</h2>", html) == ["Signing", "Your exports"]
    assert Notification.objects.filter(emailed_at__isnull=True).count() == 0


@pytest.mark.parametrize("count", [1, 30])
def test_a_message_takes_as_many_queries_with_one_notification_as_with_thirty(lea, count, django_assert_num_queries):
    for number in range(count):
        told(lea, title=f"Thing {number}")
    with django_assert_num_queries(7):
        tasks.send_emails(str(lea.pk))
