import pytest

from accounts.models import Team
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.audit import locked_family
from governance.audit_words import WORDS, told
from governance.enums import AUDIT_DETAILS, AuditAction
from governance.models import TemplateAuditLog
from governance.transitions import archive_template, change_template, create_template

pytestmark = pytest.mark.django_db


def test_the_log_tells_the_life_of_a_ladder_in_words(olga, published, protocol, django_assert_num_queries):
    revoke_assignment(assign_template(published, by=olga, team_id=Team.objects.get().pk), by=olga)
    assign_template(published, by=olga, protocol_id=protocol.pk)
    fork = create_template(by=olga, name="Stricter", forked_from_id=published.pk)
    change_template(fork, by=olga, name="Strict", permitted_roles=["qa_lead", "compliance"])
    archive_template(fork, by=olga)
    entries = list(TemplateAuditLog.objects.order_by("sequence"))
    with django_assert_num_queries(2):
        words = [words for _, words in told(entries)]
    assert words == [
        "Draft made with 2 stages",
        "Published",
        "Frozen as a snapshot",
        "Assigned to the team Assay",
        "No longer assigned to the team Assay",
        "Assigned to the protocol RT-qPCR",
        "Draft made with 2 stages, from an earlier one",
        "Draft changed: name, permitted roles",
        "Archived; it was draft",
    ]


def test_every_action_has_words(olga, draft):
    assert set(WORDS) == set(AuditAction)
    given = {"stage_count": 2, "changed": ["name"]}
    with locked_family(draft.family_id) as log:
        for action, members in AUDIT_DETAILS.items():
            log.record(
                action, by=olga, template=draft, **{member: given.get(member, str(draft.pk)) for member in members}
            )
    assert all("{" not in words for _, words in told(TemplateAuditLog.objects.all()))
