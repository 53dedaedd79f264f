"""What is held about somebody, for them: a page, and all of it as one file."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.defaultfilters import filesizeformat
from django.utils.formats import date_format
from django.utils.timezone import localtime

from releases.catalogue.access import record
from releases.catalogue.models import CatalogueAccount, HandOut, OutgoingMail
from releases.catalogue.views.access.account import title_of
from releases.catalogue.views.access.pages import for_person, shown_page

PER_PAGE, NEWEST = 50, 100
MOMENT = "j F Y, H:i"


@for_person
def own_record(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """What do you hold about me, and what did I download?"""
    held = record.held_about(account)
    page = Paginator(account.handouts.select_related("version__release", "token"), PER_PAGE).get_page(request.GET.get("page"))
    shown = {
        "held": held,
        "about": [
            ("Name", account.full_name),
            ("E-mail", account.email),
            ("Institution", account.organisation or "–"),
            ("There I am", account.post or "–"),
            ("Account made", _when(account.made_at)),
            ("Address confirmed", _when(account.confirmed_at)),
            ("Last signed in", _when(account.last_login)),
            ("Second step", "yes" if account.sealed_secret else "no"),
        ],
        "applications": [(each, title_of(each.release)) for each in account.applications.select_related("release")],
        "page": page,
        "download_columns": ["When", "What", "How much, with what"],
        "downloads": [
            [
                _when(each.at),
                f"{each.version.release.slug}, version {each.version.version}: {each.path or 'everything, as a zip'}",
                f"{filesizeformat(each.length)}{'' if each.whole else ', a part'}, {_with(each)}",
            ]
            for each in page
        ],
        "mail_columns": ["When", "Subject"],
        "mails": [
            [_when(each.made_at), each.subject]
            for each in OutgoingMail.objects.filter(recipient__iexact=account.email).order_by("-made_at")[:NEWEST]
        ],
        "event_columns": ["When", "By", "What"],
        "events": [[_when(at), by, what] for at, by, what in record.newest(account, NEWEST)],
    }
    return shown_page(request, "record", shown)


@for_person
def own_record_file(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """All of it, for programs."""
    answer = JsonResponse(record.held_about(account), json_dumps_params={"indent": 1, "ensure_ascii": False})
    answer.headers["Content-Disposition"] = 'attachment; filename="held-about-me.json"'
    return answer


def _with(handed: HandOut) -> str:
    return f"token {handed.token.name}" if handed.token else "browser"


def _when(moment: object) -> str:
    return date_format(localtime(moment), MOMENT) if moment else "not yet"  # type: ignore[arg-type]
