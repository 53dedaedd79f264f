"""Who has safeguarded data in the demonstration: an access officer, a researcher with access, one who waits for a decision.

Runs in a process of the public site (`python -m synthportal.demonstration_access`), through the services that clicks call; reads the
password of all accounts, and the key of the officer's second step, as JSON, from standard input.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import django
import pyotp
from django.utils import timezone

if TYPE_CHECKING:
    from releases.catalogue.models import Application, CatalogueAccount, Release

PEOPLE = {
    "access officer": ("access@demonstration.example", "Grace Okoro"),
    "researcher with access": ("researcher@university.example", "Rosa Lind"),
    "researcher who waits": ("student@university.example", "Theo Marsh"),
}
"""Who → e-mail address and name, on the public site."""
REFEREE = ("Mary Ainsley", "m.ainsley@university.example", "https://www.university.example/people/ainsley")
USES = {
    "researcher with access": "We write a queueing model of an emergency department and find out how much staff at triage shortens waits.",
    "researcher who waits": "For a dissertation: can a model of admission be taught with synthetic visits alone, and where does it fail?",
}
_GRANTED = timedelta(days=365)


def tell(password: str, key: str) -> None:
    """Make the three, two applications and one grant. key: of the officer's second step, base 32."""
    from releases.catalogue.access import accounts, decisions, second_factor
    from releases.catalogue.models import Release

    release = Release.objects.get(versions__access_level="safeguarded")
    email, name = PEOPLE["access officer"]
    officer = accounts.choose_password(_secret(accounts.add_officer(email=email, full_name=name)), password=password)
    earlier = timezone.now() - timedelta(seconds=30)  # the code of now is still to be used, for signing in
    second_factor.add_app(officer, secret=key, code=pyotp.TOTP(key).at(earlier))
    for who in ("researcher with access", "researcher who waits"):
        application = _applied(officer, who, password, release)
        if who == "researcher with access":
            decisions.grant(officer, application, days=_GRANTED.days, referee_found=True, reason="A plan that these data are fit for.")


def _applied(officer: CatalogueAccount, who: str, password: str, release: Release) -> Application:
    """An application that applicant and referee have signed."""
    from releases.catalogue.access import accounts, applications, licence, referees, training

    email, name = PEOPLE[who]
    accounts.register(email=email, full_name=name, organisation="University of Nowhere", post="Researcher", password=password)
    person = accounts.confirm(_mailed(email), password=password)
    until = timezone.localdate() + timedelta(days=400)
    proof = training.give_training(person, course="Research data and confidentiality", valid_until=until, content=certificate(name))
    training.look_at(officer, proof, accepted=True)
    application = applications.begin(person, release)
    applications.describe_purpose(person, application, use="research", intended_use=USES[who])
    referee, address, page = REFEREE
    application = applications.name_referee(person, application, name=referee, email=address, role="academic", page=page)
    sha256 = licence.in_force().sha256
    applications.sign_and_send(person, application, typed_name=name, licence_sha256=sha256)
    return referees.sign(_mailed(address), typed_name=referee, licence_sha256=sha256, confirmed=True)


def certificate(name: str) -> bytes:
    """A PDF of one page that says that it is a certificate, made up."""
    text = f"BT /F1 18 Tf 60 760 Td (Certificate of training, made up for a demonstration) Tj 0 -40 Td ({name}) Tj ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    content, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 6\n0000000000 65535 f \n%strailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return content + end % (table, len(content))


def _mailed(recipient: str) -> str:
    """The secret in the link of the newest mail to that address, which no server has taken yet: read as its reader would."""
    from releases.catalogue.access import keys, outbox
    from releases.catalogue.models import OutgoingMail

    mail = OutgoingMail.objects.filter(recipient=recipient).order_by("-made_at")[0]
    found = re.search(r"https?://\S+", keys.unsealed(outbox.SEALED, mail.sealed_body))
    return _secret(found[0] if found else "")


def _secret(link: str) -> str:
    return link.rstrip("/").rpartition("/")[2]


def main() -> int:
    """Tell the story on the public site named by the environment; the exit code."""
    told = json.load(sys.stdin)
    django.setup()
    tell(told["password"], told["key"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
