"""Every list of the admin answers every address: with its rows, by leading to the plain list, or with a refusal."""

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.models import User
from ledger.admin import PortalAdmin

pytestmark = pytest.mark.django_db
ADMINS = {model._meta.label_lower: each for model, each in admin.site._registry.items()}
ANY_LIST = [
    "o=-1", "o=99999999999.x.", "p=-1", "p=x", "p=99999999999999999999", "all=", "e=1", "e=1&p=-1", "_facets=x",
    "_to_field=x", "nonsense=1", "nonsense__year=1", "pk__in=,,x", "id__exact=junk", "id__exact=%00", "id=-1",
    "id__exact=99999999999999999999", "id__regex=((((", "q=%00", "q=%22", "q=" + "a+" * 1500, "_changelist_filters=%00",
]  # fmt: skip
ANY_FIELD = [
    "{0}=%00", "{0}__exact=junk", "{0}__isnull=maybe", "{0}__isempty=x", "{0}__gte=x", "{0}__in=junk,,", "{0}__range=1",
    "{0}__regex=((", "{0}__id__exact=junk", "{0}__password__exact=x",
]  # fmt: skip
ANY_DATE = [
    "{0}__lt=9999999-01-01", "{0}__year=-1", "{0}__year=0", "{0}__year=99999999999", "{0}__year=x", "{0}__year=",
    "{0}__year=9999", "{0}__year=9999&{0}__month=12", "{0}__year=2026&{0}__month=13", "{0}__month=x",
    "{0}__year=2026&{0}__month=2&{0}__day=31",
]  # fmt: skip


def addresses(model_admin):
    fields = {each if isinstance(each, str) else each[0] for each in model_admin.list_filter}
    dates = {name for name in fields if name.endswith("_at")} | ({model_admin.date_hierarchy} - {None})
    asked = [(fields | dates, ANY_FIELD), (dates, ANY_DATE)]
    return ANY_LIST + [each.format(name) for names, forms in asked for name in sorted(names) for each in forms]


@pytest.fixture
def office(client):
    client.raise_request_exception = False
    client.force_login(User.objects.create_superuser("ada@example.org", full_name="Ada Ng"))
    return client


@pytest.mark.parametrize("label", sorted(ADMINS))
def test_a_list_answers_whatever_its_address_asks(office, label):
    model_admin = ADMINS[label]
    assert isinstance(model_admin, PortalAdmin)
    plain = reverse(f"admin:{label.replace('.', '_')}_changelist")
    for address in addresses(model_admin):
        answer = office.get(f"{plain}?{address}")
        if answer.status_code == 302:
            assert answer["Location"] == plain, address
        else:
            assert answer.status_code in (200, 400, 403, 404), address
            assert b"Database error" not in answer.content, address


def test_the_plain_list_says_that_the_address_was_not_understood(office):
    answer = office.get("/admin/governance/templateauditlog/?created_at__year=-1", follow=True)
    assert answer.redirect_chain == [("/admin/governance/templateauditlog/", 302)]
    assert "The address asked for something this list does not have." in answer.content.decode()


@pytest.mark.parametrize("label", sorted(label for label, each in ADMINS.items() if each.actions is not None))
@pytest.mark.parametrize("selected", ["junk", "\0", "99999999999999999999"])
def test_an_action_on_rows_that_are_none_changes_nothing(office, rf, label, selected):
    plain = reverse(f"admin:{label.replace('.', '_')}_changelist")
    request = rf.get(plain)
    request.user = User.objects.get(email="ada@example.org")
    for action in [*ADMINS[label].get_actions(request), "nonsense"]:
        answer = office.post(plain, {"action": action, "_selected_action": selected, "index": "x"})
        assert answer.status_code in (200, 302, 400), action


@pytest.mark.parametrize("label", sorted(ADMINS))
def test_an_add_page_leaves_out_what_its_address_fills_in_wrongly(office, label):
    page = reverse(f"admin:{label.replace('.', '_')}_add")
    fields = [field.name for field in ADMINS[label].model._meta.get_fields()]
    answer = office.get(f"{page}?{'&'.join(f'{name}=junk%00' for name in fields)}")
    assert answer.status_code in (200, 400, 403)
