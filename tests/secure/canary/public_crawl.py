"""Takes the lake into a public site and reads every page and file it links to: `python -m tests.secure.canary.public_crawl FOLDER`.

Runs with the public site's settings. Each answer becomes a file in FOLDER; the paths are printed.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

import django


def main() -> None:
    django.setup()
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    call_command("ingest")
    folder, client = Path(sys.argv[1]), Client(SERVER_NAME="localhost", raise_request_exception=False)
    waiting, seen = ["/", "/datasets/?q=canaries&sort=newest", "/patients/", "/nothing-here/"], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        response = client.get(path)
        body = b"".join(response) if response.streaming else response.content
        (folder / f"{len(seen):05d}").write_bytes(body)
        (folder / f"{len(seen):05d}.headers").write_text(repr(response.headers))
        print(response.status_code, path)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            for link in re.findall(r'(?:href|src|data-[a-z-]+)="(/[^"#]*)', body.decode()):
                if not link.startswith("/static/"):
                    waiting.append(html.unescape(link))


if __name__ == "__main__":
    main()
