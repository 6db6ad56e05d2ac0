"""Each kind at once, in the digest or not by e-mail: the table in code, the verb, the page."""

import ast
import re
from pathlib import Path

import pytest
from django.urls import reverse

from accounts.enums import AccountAction, EmailWhen
from accounts.models import AccountEvent, Notification, NotificationChoice
from accounts.notification_kinds import KINDS
from accounts.notify import notify
from accounts.queries import email_choices
from accounts.transitions_notifications import choose_notifications
from ledger.errors import Invalid, NotAllowed

ROOT = Path(__file__).resolve().parents[2]
APPS = ["accounts", "experiments", "evidence", "governance", "approvals", "narratives", "baselines", "oversight"]
PAGE = "/account/notifications/choices/"


# --- The table ------------------------------------------------------------------------------------------------------


def kinds_in_code():
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "tests" not in path.parts and "migrations" not in path.parts:
                yield from ((str(path.relative_to(ROOT)), kind) for kind in kinds_told(ast.parse(path.read_text())))


def kinds_told(tree):
    """The kinds in a module that tells people something, also those handed on to `notify` by another name."""
    if not any(isinstance(node, ast.ImportFrom) and node.module == "accounts.notify" for node in ast.walk(tree)):
        return
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            told = [keyword.value for keyword in call.keywords if keyword.arg == "kind"]
            yield from (kind for value in told for kind in _values(value, function, tree))


def _values(value, function, tree):
    if not isinstance(value, ast.Name):
        yield from _literal(value)
    elif value.id in (names := [argument.arg for argument in function.args.args]):
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == function.name)
        for given in (call.args[names.index(value.id)] for call in calls):
            yield from _literal(given)
    else:  # a constant of the module, or one of several in a table of the function
        constants = (node for node in tree.body if isinstance(node, ast.Assign) and _name(node.targets[0]) == value.id)
        tables = (node for node in ast.walk(function) if isinstance(node, ast.Tuple) and len(node.elts) == 3)
        for found in [*(node.value for node in constants), *(node.elts[0] for node in tables)]:
            yield from _literal(found)


def _literal(value):
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.Attribute) and value.attr in AccountAction.__members__:
        yield AccountAction[value.attr].value
    elif isinstance(value, ast.JoinedStr):  # put together while running: nobody can look it up, this test neither
        yield ast.unparse(value)


def _name(node):
    return getattr(node, "id", getattr(node, "attr", None))


def test_every_kind_in_the_code_is_in_the_table():
    found = list(kinds_in_code())
    told = {"stage_to_sign", "ladder_rejected", "account.locked", "packaging_failed", "absence_stand_in"}
    told |= {"equipment.calibration", "equipment.maintenance"}
    assert told <= {kind for _, kind in found}
    assert [(path, kind) for path, kind in found if kind not in KINDS] == []


def test_what_guards_the_account_cannot_be_switched_off():
    always = {code for code, kind in KINDS.items() if EmailWhen.OFF not in kind.options}
    assert {"account.locked", "user.password_reset", "second_factor.removed"} <= always
    assert not {"stage_to_sign", "webhook_gave_up"} & always


# --- The verb -------------------------------------------------------------------------------------------------------


def test_choices_are_saved_and_recorded_once(lea):
    changes = choose_notifications(lea, by=lea, choices={"stage_to_sign": "digest", "dossier_ready": "digest"})
    assert changes == {"stage_to_sign": {"from": "at_once", "to": "digest"}}
    assert choose_notifications(lea, by=lea, choices={"stage_to_sign": "digest"}) == {}
    choose_notifications(lea, by=lea, choices={"stage_to_sign": "off"})
    assert email_choices(lea)["stage_to_sign"] == "off"
    assert NotificationChoice.objects.count() == 1
    events = AccountEvent.objects.filter(action=AccountAction.NOTIFICATIONS_CHOSEN).order_by("created_at")
    assert [(event.actor, event.about, event.payload) for event in events] == [
        (lea, lea, {"changes": {"stage_to_sign": {"from": "at_once", "to": "digest"}}}),
        (lea, lea, {"changes": {"stage_to_sign": {"from": "digest", "to": "off"}}}),
    ]


def test_nobody_chooses_for_another(lea, admin):
    with pytest.raises(NotAllowed):
        choose_notifications(lea, by=admin, choices={"stage_to_sign": "off"})
    assert not NotificationChoice.objects.exists()


@pytest.mark.parametrize("choices", [{"x": "off"}, {"stage_to_sign": "never"}, {"account.locked": "off"}])
def test_what_cannot_be_chosen_changes_nothing(lea, choices):
    with pytest.raises(Invalid):
        choose_notifications(lea, by=lea, choices={"ladder_approved": "off"} | choices)
    assert not NotificationChoice.objects.exists()
    assert not AccountEvent.objects.exists()


def test_nothing_is_saved_when_the_audit_line_cannot_be(lea, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr("accounts.transitions_notifications.record_account_event", fail)
    with pytest.raises(RuntimeError):
        choose_notifications(lea, by=lea, choices={"stage_to_sign": "off"})
    assert not NotificationChoice.objects.exists()


def test_switching_a_kind_off_stops_what_waits(lea, jonas, settings):
    settings.EMAIL_CONFIGURED = True
    notify([lea, jonas], kind="dossier_ready", title="T")
    notify([lea], kind="stage_to_sign", title="T")
    choose_notifications(lea, by=lea, choices={"dossier_ready": "off"})
    waiting = Notification.objects.filter(email_due_at__isnull=False)
    assert {(row.user, row.kind) for row in waiting} == {(jonas, "dossier_ready"), (lea, "stage_to_sign")}


# --- The page -------------------------------------------------------------------------------------------------------


def checked(answer):
    return dict(re.findall(r'type="radio" name="([^"]+)" value="([^"]+)" checked', answer.content.decode()))


def test_the_page_shows_and_saves_ones_own_choices(client, lea, jonas):
    client.force_login(lea)
    shown = checked(client.get(PAGE))
    assert shown["stage_to_sign"] == "at_once"
    assert "webhook_gave_up" not in shown
    answer = client.post(PAGE, shown | {"stage_to_sign": "digest", "user": str(jonas.pk)}, follow=True)
    assert "Your choices are saved." in answer.content.decode()
    assert checked(answer)["stage_to_sign"] == "digest"
    assert {row.user for row in NotificationChoice.objects.all()} == {lea}
    assert "Nothing was changed." in client.post(PAGE, checked(answer), follow=True).content.decode()


def test_operators_choose_theirs_too(client, admin):
    client.force_login(admin)
    assert checked(client.get(PAGE)).keys() == KINDS.keys()


def test_a_forged_choice_is_a_sentence_and_keeps_what_was_picked(client, lea):
    client.force_login(lea)
    answer = client.post(PAGE, {"account.locked": "off", "stage_to_sign": "digest"})
    assert answer.status_code == 400
    assert "Nothing was saved." in answer.content.decode()
    assert checked(answer)["stage_to_sign"] == "digest"
    assert not NotificationChoice.objects.exists()


def test_the_page_says_what_e_mail_cannot_do_here(client, lea, jonas, settings):
    client.force_login(lea)
    assert "sends no e-mail" in client.get(PAGE).content.decode()
    settings.EMAIL_CONFIGURED = True
    Notification.objects.create(user=lea, kind="stage_to_sign", title="T", email_attempts=6)
    text = client.get(PAGE).content.decode()
    assert "sends no e-mail" not in text
    assert "1 notification could not be sent" in text
    assert "As an operator" not in text
    lea.is_admin = True
    lea.save()
    Notification.objects.create(user=jonas, kind="stage_to_sign", title="T", email_attempts=6)
    assert "2 notifications of all people could not be sent" in client.get(PAGE).content.decode()


@pytest.mark.parametrize("rows", [0, 20])
def test_the_page_takes_as_many_queries_whatever_was_chosen(client, lea, rows, django_assert_max_num_queries):
    for code in list(KINDS)[:rows]:
        NotificationChoice.objects.create(user=lea, kind=code, email="digest")
    client.force_login(lea)
    with django_assert_max_num_queries(9):
        client.get(PAGE)


def test_it_is_found_from_the_notifications_and_the_account(client, lea):
    client.force_login(lea)
    for page in ("notifications", "account"):
        assert PAGE in client.get(reverse(page)).content.decode()


def test_signed_out_there_is_nothing(client, db):
    assert client.get(PAGE)["Location"].startswith("/sign-in/")
