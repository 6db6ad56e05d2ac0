import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


@pytest.fixture
def mira():
    return User.objects.create_user("mira@example.org", "a long enough password", full_name="Mira Kessler")


@pytest.fixture
def signed_in(client, mira):
    client.force_login(mira)
    return client


@pytest.fixture
def api(mira):
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(mira)
    return client
