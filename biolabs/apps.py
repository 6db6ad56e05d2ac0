from django.apps import AppConfig

from biolabs import signs


class BiolabsConfig(AppConfig):
    name = "biolabs"

    def ready(self):
        left_here = signs.of_this_cluster()
        if left_here is None:
            return
        # django-q2's own announcements, in the worker's process; not signals about rows.
        from django_q.signals import post_execute_in_worker, pre_execute

        pre_execute.connect(lambda **_: left_here.begin_job(), weak=False, dispatch_uid="biolabs.begin_job")
        post_execute_in_worker.connect(lambda **_: left_here.end_job(), weak=False, dispatch_uid="biolabs.end_job")
