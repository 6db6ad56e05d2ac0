"""`migrate`, then web server and worker: no command of ours in between is needed."""

import pytest
from django.conf import settings
from django.test import override_settings
from whitenoise.middleware import WhiteNoiseMiddleware

from biolabs import schedules
from biolabs.static_files import Storage


def test_after_migrate_alone_there_are_schedules_and_a_shared_cache(deployment):
    asked = "from django.core.cache import cache; from django_q.models import Schedule; cache.set('a', 'kept')"
    said = deployment.manage("shell", "-v0", "-c", f"{asked}; print(cache.get('a'), Schedule.objects.count())")
    assert said.split() == ["kept", str(len(schedules.SCHEDULES))]


@pytest.fixture
def collected(tmp_path):
    storage = Storage(location=tmp_path, base_url="/static/")

    def collect(name, text):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        list(storage.post_process({name: (storage, name)}))
        return Storage(location=tmp_path, base_url="/static/")

    return collect


def test_what_was_collected_has_its_digest_in_the_name_and_what_was_not_its_plain_name(collected, tmp_path):
    assert Storage(location=tmp_path, base_url="/static/").url("css/portal.css") == "/static/css/portal.css"
    storage = collected("css/portal.css", "main { margin: 0 }")
    assert storage.url("css/portal.css").startswith("/static/css/portal.")
    assert storage.url("css/portal.css") != "/static/css/portal.css"
    assert storage.url("css/new.css") == "/static/css/new.css"


def test_the_server_finds_what_was_not_collected(tmp_path, rf):
    with override_settings(STATIC_ROOT=str(tmp_path), WHITENOISE_AUTOREFRESH=False):
        serve = WhiteNoiseMiddleware(lambda request: None)
        answer = serve(rf.get(settings.STATIC_URL + "css/portal.css"))
    assert answer.status_code == 200
    assert "immutable" not in answer["Cache-Control"]
