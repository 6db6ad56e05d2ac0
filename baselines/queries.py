"""Reads of baselines shared by pages and API."""

from django.db.models import Exists, F, OuterRef, Prefetch
from django.utils import timezone

from accounts.models import Absence
from accounts.scoping import visible_or_404
from baselines.enums import BaselineStatus
from baselines.models import Baseline, BaselineEvent, BaselineEvidence, BaselineLabel, BaselineReviewer


def for_list(queryset):
    """Baselines with protocol, team, run, people and labels; a constant number of queries."""
    return queryset.select_related(
        "protocol__team", "execution__protocol", "submitted_by", "reviewed_by", "published_by", "rolled_back_by"
    ).prefetch_related("reviewers", Prefetch("labels", BaselineLabel.objects.order_by("id")))


def with_details(queryset):
    """Everything a baseline's JSON and page show; a constant number of queries."""
    events = BaselineEvent.objects.select_related("actor").order_by("sequence")
    evidence = BaselineEvidence.objects.filter(round=F("baseline__evidence_round"))
    return (
        for_list(queryset)
        .select_related("rollback_of")
        .prefetch_related(Prefetch("evidence_rows", evidence), Prefetch("events", events))
    )


def baseline_or_404(user, pk):
    """A baseline the user sees, with its details."""
    return visible_or_404(with_details(Baseline.objects.all()), user, pk)


def current_baseline(protocol_id):
    """The protocol's current baseline, or None."""
    return current_seen(Baseline.objects.all(), protocol_id)


def current_seen(baselines, protocol_id):
    """The protocol's current one among these, or None; it may come from a run the viewer does not see."""
    return for_list(baselines.filter(protocol_id=protocol_id, is_current=True)).first()


def sees(user, baseline):
    """Whether the user sees this baseline; nobody sees None."""
    return baseline is not None and Baseline.objects.visible_to(user).filter(pk=baseline.pk).exists()


def events_of(baseline):
    """A baseline's history, oldest first."""
    return BaselineEvent.objects.filter(baseline=baseline.pk).select_related("actor").order_by("sequence")


def versions_of(protocol_id):
    """What was published of a protocol, newest first, rolled back ones among them."""
    return for_list(Baseline.objects.filter(protocol_id=protocol_id, version_number__isnull=False)).order_by(
        "-version_number"
    )


def targets_of(baseline):
    """Versions a rollback of this one may make current again, newest first."""
    if baseline.version_number is None:
        return Baseline.objects.none()
    return versions_of(baseline.protocol_id).filter(
        status=BaselineStatus.PUBLISHED, version_number__lt=baseline.version_number
    )


def baselines_to_review(user):
    """What waits for this person's review, as `policies.check_can_review` would let them.

    What names them; for an administrator also what names nobody who could review it now.
    """
    named = BaselineReviewer.objects.filter(baseline=OuterRef("pk"))
    theirs = Exists(named.filter(user=user))
    if user.is_admin:
        theirs |= ~Exists(named.filter(user__is_active=True).exclude(_stands_in(OuterRef("user"), "baseline__")))
    return (
        Baseline.objects.filter(theirs, status=BaselineStatus.SUBMITTED)
        .exclude(submitted_by=user)
        .exclude(_stands_in(user))
    )


def _stands_in(person, prefix=""):
    """Whether this person stands in now for who submitted the baseline."""
    away = Absence.objects.in_force(timezone.now()).filter(user=OuterRef(f"{prefix}submitted_by"))
    return Exists(away.filter(stand_in=person))


def count_to_review(user):
    return baselines_to_review(user).count()
