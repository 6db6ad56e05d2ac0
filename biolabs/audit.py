"""Every trail that records who did what: runs, ladders, baselines, accounts (21 CFR 11.10(e), Annex 11 paragraph 9)."""

import csv
import heapq
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import F, Q
from django.urls import reverse

from accounts.enums import AccountAction
from accounts.models import AccountEvent
from baselines import words as baseline_words
from baselines.history import BASELINE_EVENTS
from baselines.models import Baseline, BaselineEvent
from experiments.chains import TIMELINES
from experiments.models import Execution, ExecutionEvent
from governance import audit_words
from governance.audit import AUDIT_LOGS
from governance.models import TemplateAuditLog, TemplateFamily
from governance.policies import can_manage_ladders
from ledger.canonical import rfc3339
from ledger.chain import URN, Chain, fault_in
from narratives.summaries import summary
from portal.paging import place_in

MOST_WORDS = 8
COLUMNS = ["recorded_at", "trail", "about", "about_id", "sequence", "event", "actor", "actor_id", "entry", "sha256"]


@dataclass(frozen=True)
class Trail:
    """One kind of record. `subject` and `action` are fields of its rows; `title` is the field that names the subject.

    `visible(user)` are the rows, `subjects(user)` what they are about, as far as the person may see it.
    """

    label: str
    visible: Callable
    subject: str
    action: str
    title: str
    page: Callable | None
    chain: Chain | None = None
    subjects: Callable | None = None

    def rows(self, user):
        return self.visible(user).select_related(self.subject, "actor").annotate(happened=F(self.action))

    def about(self, row):
        """`(title, address)` of what the entry is about."""
        if self.page is None:
            return row.about_name, ""
        subject = getattr(row, self.subject)
        title = getattr(subject, self.title.rpartition("__")[2])
        return title, self.page(subject)


def _visible_ladders(user):
    """A ladder's log is for who manages ladders, as on the ladder's own page."""
    return TemplateFamily.objects.all() if can_manage_ladders(user) else TemplateFamily.objects.none()


def _account_events(user):
    """All for administrators; else what the person did and what was done to their account."""
    rows = AccountEvent.objects.all()
    return rows if user.is_admin else rows.filter(Q(actor=user) | Q(about=user))


TRAILS = {
    "runs": Trail(
        label="Runs and exports",
        visible=lambda user: ExecutionEvent.objects.filter(execution__in=Execution.objects.visible_to(user)),
        subject="execution",
        action="event_type",
        title="execution__title",
        page=lambda run: reverse("execution_timeline", args=[run.pk]),
        chain=TIMELINES,
        subjects=Execution.objects.visible_to,
    ),
    "ladders": Trail(
        label="Approval ladders",
        visible=lambda user: TemplateAuditLog.objects.filter(family__in=_visible_ladders(user)),
        subject="family",
        action="action",
        title="family__template_key",
        page=lambda family: reverse("ladder", args=[family.template_key]) + "?tab=audit",
        chain=AUDIT_LOGS,
        subjects=_visible_ladders,
    ),
    "baselines": Trail(
        label="Baselines",
        visible=lambda user: BaselineEvent.objects.filter(baseline__in=Baseline.objects.visible_to(user)),
        subject="baseline",
        action="event_type",
        title="baseline__name",
        page=lambda baseline: reverse("baseline", args=[baseline.pk]),
        chain=BASELINE_EVENTS,
        subjects=Baseline.objects.visible_to,
    ),
    "accounts": Trail(
        label="Accounts",
        visible=_account_events,
        subject="about",
        action="action",
        title="about_name",
        page=None,
    ),
}


def entries(user, *, trail="", words="", person="", since=None, until=None, about=None):
    """What of each trail the person may see and the filters let through, as `{trail: queryset}`.

    `words` are looked for in the sealed text and in the title; `person` in the printed name and the e-mail address;
    `since` and `until` are moments, the second one left out; `about` is the id of a run, family, baseline or account.
    """
    wanted = [trail] if trail else TRAILS
    return {name: _filtered(TRAILS[name], user, words, person, since, until, about) for name in wanted}


def _filtered(trail, user, words, person, since, until, about):
    rows = trail.rows(user)
    for word in words.split()[:MOST_WORDS]:
        found = Q(body__icontains=word) | Q(**{f"{trail.title}__icontains": word})
        rows = rows.filter(found | Q(**{f"{trail.action}__icontains": word}))
    if person:
        rows = rows.filter(Q(actor_name__icontains=person) | Q(actor__email__icontains=person))
    if since:
        rows = rows.filter(created_at__gte=since)
    if until:
        rows = rows.filter(created_at__lt=until)
    return rows.filter(**{trail.subject: about}) if about else rows


def told(rows):
    """`{id: sentence}` of what happened, without who and when."""
    of_ladders = [row for row in rows if row.source == "ladders"]
    said = {entry.pk: words for entry, words in audit_words.told(of_ladders)}
    for row in rows:
        if row.source == "runs":
            said[row.pk] = summary(row.event_type, row.payload)
        elif row.source == "baselines":
            said[row.pk] = baseline_words.told(row.event_type, row.details)
        elif row.source == "accounts":
            said[row.pk] = AccountAction(row.action).label
    return said


def verify(user, name, subject_id):
    """`(length, Fault or None)` of one chain the person may see, walked from its first row; None where there is none.

    Memory is bounded; the time is that of reading every row.
    """
    trail = TRAILS[name]
    if trail.chain is None or not trail.subjects(user).filter(pk=subject_id).exists():
        return None
    chain_id = f"{URN}{subject_id}"
    return trail.chain.head(chain_id)[0], fault_in(trail.chain, chain_id)


class _Line:
    """What csv writes to: each line is handed on at once."""

    def write(self, text):
        return text


def as_csv(found):
    """The lines of a CSV file over `entries(...)`, newest first, in bounded memory."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    order = place_in("created_at")
    for row in heapq.merge(*[_in_order(name, rows) for name, rows in found.items()], key=order, reverse=True):
        yield writer.writerow([_harmless(value) for value in _columns(row)])


def _in_order(name, rows):
    for row in rows.order_by("-created_at", "-pk").iterator(chunk_size=500):
        row.source = name
        yield row


def _columns(row):
    trail = TRAILS[row.source]
    title, _ = trail.about(row)
    place, digest = (row.sequence, row.hash) if trail.chain else ("", "")
    about = [row.source, title, getattr(row, f"{trail.subject}_id") or ""]
    return [rfc3339(row.created_at), *about, place, row.happened, row.actor_name, row.actor_id or "", row.body, digest]


def _harmless(value):
    """Spreadsheets run a cell that begins like a formula."""
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
