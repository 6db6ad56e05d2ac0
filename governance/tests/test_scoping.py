"""Pages and API answer alike who sees which ladder: a manager, a teammate, a stranger."""

import pytest

from accounts.models import Membership, Team, User
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.scoping import visible_families, visible_snapshots, visible_versions
from governance.transitions import create_template

pytestmark = pytest.mark.django_db


def test_who_sees_a_ladder_and_its_snapshot(client, olga, published, protocol):
    lea, stan = (User.objects.create_user(f"{name}@example.org", full_name=name) for name in ("lea", "stan"))
    Membership.objects.create(team=Team.objects.get(), user=lea)
    assignment = assign_template(published, by=olga, protocol_id=protocol.pk)
    page, snapshots = "/governance/ladders/biosafety/", f"/api/governance/templates/{published.pk}/snapshots"
    for user, sees in ((olga, True), (lea, True), (stan, False)):
        client.force_login(user)
        assert client.get(page).status_code == (200 if sees else 404)
        assert client.get(snapshots).status_code == (200 if sees else 403)
        assert visible_families(user).exists() is visible_snapshots(user).exists() is sees
    create_template(by=olga, name="Stricter", forked_from_id=published.pk)
    assert (visible_versions(olga).count(), visible_versions(lea).count()) == (2, 1)
    revoke_assignment(assignment, by=olga)
    assert not visible_families(lea).exists()
    assert not visible_snapshots(lea).exists()


def test_a_name_is_kept_without_the_spaces_around_it(olga):
    assert create_template(by=olga, template_key="a", name="  Release ").name == "Release"
