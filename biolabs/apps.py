from django.apps import AppConfig
from django.core.management import call_command
from django.db import connections
from django.db.models.signals import post_migrate

from biolabs import signs


def make_ready(*, plan=(), using="default", **_):
    """What web server and worker need beside the tables, so that `migrate` alone is enough; not after a flush."""
    from django_q.models import Schedule

    from biolabs import schedules

    if plan:
        call_command("createcachetable", verbosity=0)
        if Schedule._meta.db_table in connections[using].introspection.table_names():  # not yet in half a migrate
            schedules.sync()


class BiolabsConfig(AppConfig):
    name = "biolabs"

    def ready(self):
        # A management signal, not a model signal.
        post_migrate.connect(make_ready, sender=self, dispatch_uid="biolabs.make_ready")
        self._register_pages()
        self._log_requests()
        left_here = signs.of_this_cluster()
        if left_here:
            self._leave_signs(left_here)

    def _register_pages(self):
        from accounts.roles import is_operator
        from biolabs import audit_views, my_work, search
        from portal.navigation import NavItem, register

        audit_views.register_page()
        my_work.register_page()
        search.register_box()
        register(NavItem("Operations", "operations", icon="sliders", section="Operate", order=10, visible=is_operator))

    def _log_requests(self):
        from django_structlog.signals import bind_extra_request_finished_metadata, bind_extra_request_metadata

        from biolabs import request_log

        bind_extra_request_metadata.connect(request_log.name_the_address, dispatch_uid="biolabs.address")
        bind_extra_request_finished_metadata.connect(request_log.name_the_person, dispatch_uid="biolabs.person")

    def _leave_signs(self, left_here):
        # django-q2's own announcements, in the worker's process; not signals about rows.
        from django_q.signals import post_execute_in_worker, pre_execute

        pre_execute.connect(
            lambda task, **_: left_here.begin_job(task["func"]), weak=False, dispatch_uid="biolabs.begin_job"
        )
        post_execute_in_worker.connect(lambda **_: left_here.end_job(), weak=False, dispatch_uid="biolabs.end_job")
