"""Takes the lake into a public site and asks it for paths: `python -m tests.secure.public_visit PATH …`; prints the status of each answer.

Runs with the public site's settings.
"""

from __future__ import annotations

import sys

import django


def main() -> None:
    django.setup()
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    call_command("ingest", stdout=sys.stderr)
    client = Client(SERVER_NAME="localhost")
    for path in sys.argv[1:]:
        print(client.get(path).status_code)


if __name__ == "__main__":
    main()
