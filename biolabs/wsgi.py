"""What gunicorn serves: `gunicorn biolabs.wsgi`."""

import os
import sys

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "biolabs.settings")

GUNICORN_STOPS_FOR_GOOD = 3  # any other exit status, and gunicorn starts the worker again and again

try:
    application = get_wsgi_application()
except SystemExit as refusal:
    print(refusal.code, file=sys.stderr)
    sys.exit(GUNICORN_STOPS_FOR_GOOD)
