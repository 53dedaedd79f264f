"""OAI-PMH 2.0: how libraries harvest catalogues. Each version is an item, in Dublin Core; a withdrawn one is a deleted record.

Source: The Open Archives Initiative Protocol for Metadata Harvesting, version 2.0.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as tree

from django.db.models import Q, QuerySet

from releases.capsule import layout
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.standards.changes import by_change
from releases.catalogue.standards.described import Site, described
from releases.catalogue.standards.markup import child, moment, written

PAGE = 50
"""Records of one answer."""
_OAI = "http://www.openarchives.org/OAI/2.0/"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
_DC_FORMAT = "http://www.openarchives.org/OAI/2.0/oai_dc/"
_DC = "http://purl.org/dc/elements/1.1/"
_DC_SCHEMA = f"{_DC_FORMAT} http://www.openarchives.org/OAI/2.0/oai_dc.xsd"
_PREFIX = "oai_dc"
_ARGUMENTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "Identify": (frozenset(), frozenset()),
    "ListMetadataFormats": (frozenset(), frozenset({"identifier"})),
    "ListSets": (frozenset(), frozenset({"resumptionToken"})),
    "GetRecord": (frozenset({"identifier", "metadataPrefix"}), frozenset()),
    "ListIdentifiers": (frozenset({"metadataPrefix"}), frozenset({"from", "until", "set"})),
    "ListRecords": (frozenset({"metadataPrefix"}), frozenset({"from", "until", "set"})),
}
"""Per verb: arguments it must have, and others it may have."""


class _Refused(Exception):
    """An error of the protocol: its code and a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class _Cursor:
    """Where a list goes on: after the record of this moment and number; from, until: as they were asked for; told: records before."""

    after: datetime
    number: int
    since: str
    until: str
    told: int


def answer(site: Site, address: str, asked: Mapping[str, list[str]], now: datetime) -> bytes:
    """The answer to a request, an error of the protocol included: those too come with status 200."""
    tree.register_namespace("dc", _DC)
    tree.register_namespace("oai_dc", _DC_FORMAT)
    root = tree.Element("OAI-PMH", {"xmlns": _OAI, _XSI: f"{_OAI} http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd"})
    child(root, "responseDate", moment(now))
    try:
        arguments = _arguments(asked)
        content = tree.Element(arguments["verb"])
        _VERBS[arguments["verb"]](site, address, arguments, content)
    except _Refused as refused:
        known = {} if refused.code in ("badVerb", "badArgument") else {name: values[0] for name, values in asked.items()}
        child(root, "request", address, known)
        child(root, "error", refused.sentence, {"code": refused.code})
    else:
        child(root, "request", address, arguments)
        root.append(content)
    return written(root)


def _arguments(asked: Mapping[str, list[str]]) -> dict[str, str]:
    verb = asked.get("verb", [])
    if len(verb) != 1 or verb[0] not in _ARGUMENTS:
        raise _Refused("badVerb", f"Ask with one verb of: {', '.join(_ARGUMENTS)}.")
    if any(len(values) != 1 or len(values[0]) > 1000 for values in asked.values()):
        raise _Refused("badArgument", "An argument is given twice, or is too long.")
    given = {name: values[0] for name, values in asked.items()}
    must, may = _ARGUMENTS[verb[0]]
    others = given.keys() - {"verb"}
    if verb[0] in ("ListIdentifiers", "ListRecords") and others == {"resumptionToken"}:
        return given
    if others - must - may:
        raise _Refused("badArgument", f"{verb[0]} has no such argument.")
    if must - others:
        raise _Refused("badArgument", f"{verb[0]} needs: {', '.join(sorted(must))}.")
    if "metadataPrefix" in given and given["metadataPrefix"] != _PREFIX:
        raise _Refused("cannotDisseminateFormat", f"Records are in {_PREFIX} here.")
    return given


def _identify(site: Site, address: str, given: Mapping[str, str], content: tree.Element) -> None:
    earliest = by_change().order_by("changed").values_list("changed", flat=True).first()
    child(content, "repositoryName", site.name)
    child(content, "baseURL", address)
    child(content, "protocolVersion", "2.0")
    host = _host(site)
    # The protocol's schema takes no address without a dot; "invalid" is a name that nobody can have (RFC 2606).
    child(content, "adminEmail", site.contact or f"webmaster@{host if '.' in host else f'{host}.invalid'}")
    child(content, "earliestDatestamp", moment(earliest or datetime(2026, 1, 1, tzinfo=UTC)))
    child(content, "deletedRecord", "persistent")
    child(content, "granularity", "YYYY-MM-DDThh:mm:ssZ")


def _formats(site: Site, address: str, given: Mapping[str, str], content: tree.Element) -> None:
    if "identifier" in given:
        _version(site, given["identifier"])
    each = child(content, "metadataFormat")
    child(each, "metadataPrefix", _PREFIX)
    child(each, "schema", "http://www.openarchives.org/OAI/2.0/oai_dc.xsd")
    child(each, "metadataNamespace", _DC_FORMAT)


def _sets(site: Site, address: str, given: Mapping[str, str], content: tree.Element) -> None:
    raise _Refused("badResumptionToken" if "resumptionToken" in given else "noSetHierarchy", "This catalogue has no sets.")


def _record(site: Site, address: str, given: Mapping[str, str], content: tree.Element) -> None:
    _put(site, _version(site, given["identifier"]), content, whole=True)


def _identifiers(site: Site, address: str, given: Mapping[str, str], content: tree.Element) -> None:
    _list(site, given, content, whole=False)


def _records(site: Site, address: str, given: Mapping[str, str], content: tree.Element) -> None:
    _list(site, given, content, whole=True)


_VERBS: Mapping[str, Callable[[Site, str, Mapping[str, str], tree.Element], None]] = {
    "Identify": _identify,
    "ListMetadataFormats": _formats,
    "ListSets": _sets,
    "GetRecord": _record,
    "ListIdentifiers": _identifiers,
    "ListRecords": _records,
}


def _list(site: Site, given: Mapping[str, str], content: tree.Element, *, whole: bool) -> None:
    if "set" in given:
        raise _Refused("noSetHierarchy", "This catalogue has no sets.")
    cursor = _read(given["resumptionToken"]) if "resumptionToken" in given else None
    since, until = (cursor.since, cursor.until) if cursor else (given.get("from", ""), given.get("until", ""))
    chosen = _between(since, until)
    total = chosen.count()
    if cursor:
        chosen = chosen.filter(Q(changed__gt=cursor.after) | Q(changed=cursor.after, pk__gt=cursor.number))
    page = list(chosen.order_by("changed", "pk").prefetch_related("files")[: PAGE + 1])
    if not page:
        raise _Refused("badResumptionToken" if cursor else "noRecordsMatch", "There is nothing, or nothing more, to list.")
    for version in page[:PAGE]:
        _put(site, version, content, whole=whole)
    told = cursor.told if cursor else 0
    numbers = {"completeListSize": str(max(total, told + len(page))), "cursor": str(told)}
    if len(page) > PAGE:
        last = page[PAGE - 1]
        token = _written(_Cursor(last.changed, last.pk, since, until, told + PAGE))
        child(content, "resumptionToken", token, numbers)
    elif cursor:
        child(content, "resumptionToken", "", numbers)


def _between(since: str, until: str) -> QuerySet[Any]:
    found = by_change()
    if since and until and len(since) != len(until):
        raise _Refused("badArgument", "from and until are of different precision.")
    if since:
        found = found.filter(changed__gte=_moment(since)[0])
    if until:
        found = found.filter(changed__lt=_moment(until)[1])
    if since and until and _moment(since)[0] >= _moment(until)[1]:
        raise _Refused("badArgument", "from is later than until.")
    return found


def _moment(text: str) -> tuple[datetime, datetime]:
    """The first moment that `text` means, and the first one after it."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
            return day, day + timedelta(days=1)
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text):
            at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            return at, at + timedelta(seconds=1)
    except (ValueError, OverflowError):
        pass
    raise _Refused("badArgument", "A date is written 2026-11-21 or 2026-11-21T09:00:00Z.")


def _written(cursor: _Cursor) -> str:
    told = [cursor.after.isoformat(), cursor.number, cursor.since, cursor.until, cursor.told]
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


def _read(token: str) -> _Cursor:
    """The token is a place in a list and nothing else: one that somebody made up leads to no more than what is listed anyway."""
    try:
        after, number, since, until, told = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        cursor = _Cursor(datetime.fromisoformat(after), int(number), str(since), str(until), int(told))
        if cursor.after.tzinfo is None or not 0 <= cursor.number < 2**63 or not 0 <= cursor.told < 2**31:
            raise ValueError
        for date in (cursor.since, cursor.until):
            if date:
                _moment(date)
    except (ValueError, TypeError, OverflowError, RecursionError, _Refused):
        raise _Refused("badResumptionToken", "This token was not given out here.") from None
    return cursor


def _host(site: Site) -> str:
    return urlsplit(site.address).hostname or "localhost"


def _identifier(site: Site, version: ReleaseVersion) -> str:
    return f"oai:{_host(site)}:{version.release.slug}/v{version.version}"


def _version(site: Site, identifier: str) -> Any:
    found = re.fullmatch(rf"oai:{re.escape(_host(site))}:([a-z0-9-]{{1,80}})/v([1-9][0-9]{{0,5}})", identifier)
    version = by_change().filter(release__slug=found[1], version=int(found[2])).first() if found else None
    if version is None:
        raise _Refused("idDoesNotExist", "There is no such record.")
    return version


def _put(site: Site, version: Any, content: tree.Element, *, whole: bool) -> None:
    gone = version.state == ReleaseVersion.State.WITHDRAWN
    record = child(content, "record") if whole else content
    header = child(record, "header", attributes={"status": "deleted"} if gone else {})
    child(header, "identifier", _identifier(site, version))
    child(header, "datestamp", moment(version.changed))
    if gone or not whole:
        return
    said = described(version, site, with_tables=False)
    dublin = child(child(record, "metadata"), f"{{{_DC_FORMAT}}}dc", attributes={_XSI: _DC_SCHEMA})
    rights = "open" if said.open else "restricted: for those with a live grant"
    values = [
        ("title", said.title),
        ("creator", said.organisation),
        *(("subject", each) for each in said.keywords),
        ("description", said.abstract),
        ("publisher", site.publisher),
        ("date", said.issued.date().isoformat()),
        ("type", "Dataset"),
        *(("format", each) for each in sorted({each.media_type.split(";")[0] for each in said.data})),
        *(("identifier", each) for each in dict.fromkeys((said.permanent, said.address))),
        ("source", f"{layout.MANIFEST} SHA-256 {said.manifest_sha256}"),
        ("language", "en"),
        ("relation", said.dataset_address),
        ("rights", f"{said.licence_address or said.licence_name}; {rights}"),
    ]
    for name, value in values:
        child(dublin, f"{{{_DC}}}{name}", value)
