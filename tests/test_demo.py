import io
from collections import Counter

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Team, User
from approvals.models import ApprovalStage, WorkingCalendar
from baselines.models import Baseline
from experiments.models import Execution, Protocol
from narratives.models import NarrativeExport, Package


@pytest.fixture
def laboratory(db, tmp_path, settings):
    settings.SIGNING_KEY_FILE = tmp_path / "signing_key.pem"
    printed = io.StringIO()
    call_command("demo", stdout=printed)
    return printed.getvalue()


def test_the_demonstration_has_what_a_newcomer_wants_to_see(laboratory):
    assert (Team.objects.count(), User.objects.people().count(), Protocol.objects.count()) == (2, 8, 5)
    runs = Counter(Execution.objects.values_list("status", flat=True))
    assert runs == {"completed": 8, "in_progress": 3, "planned": 1}
    exports = Counter(NarrativeExport.objects.values_list("ladder__status", flat=True))
    assert exports == {"pending": 3, "rejected": 2, "approved": 4}
    assert Package.objects.filter(status="queued").count() == 4
    assert ApprovalStage.objects.filter(status="in_progress", due_at__lt=timezone.now()).count() == 1
    baselines = Counter(Baseline.objects.values_list("status", flat=True))
    assert baselines == {"submitted": 1, "rejected": 1, "approved": 1, "published": 4, "rolled_back": 1}
    assert Baseline.objects.filter(is_current=True).count() == 3
    assert WorkingCalendar.objects.get().team.name == "Cell biology"
    assert all(user.email in laboratory for user in User.objects.people())


def test_its_history_is_a_true_ledger(laboratory):
    call_command("verify_ledger", stderr=io.StringIO())


def test_running_it_again_keeps_what_is_there(laboratory):
    before = Execution.objects.count()
    call_command("demo", stdout=io.StringIO())
    assert Execution.objects.count() == before


@pytest.mark.django_db
def test_a_database_with_people_of_its_own_is_left_alone():
    User.objects.create_user("somebody@example.org", full_name="Some Body")
    printed = io.StringIO()
    call_command("demo", stdout=printed)
    assert "nothing was added" in printed.getvalue()
    assert not Execution.objects.exists()
