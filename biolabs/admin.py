import django_q.admin  # noqa: F401  (registers first, so that this can take it back)
from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success

# Whoever writes these tables runs code. Operators have a page and commands of ours.
for model in (Schedule, Success, Failure, OrmQ):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

admin.site.site_header = admin.site.site_title = "BioLabs administration"
admin.site.index_title = "Administration"
admin.site.site_url = None  # base_site.html links back to the portal in words
