"""The secure site for a WSGI server: `granian --interface wsgi synthportal.wsgi_secure:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "synthportal.settings.secure"

application = get_wsgi_application()
