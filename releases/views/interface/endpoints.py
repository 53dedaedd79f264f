"""The addresses of the interface for machines. Each parses, calls one service, and answers with what is there now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Status

from generators.errors import InputError
from generators.learning.options import Budget
from generators.schema import DatasetSchema
from releases import visibility
from releases.incoming import Incoming, is_archive
from releases.learning import Learning
from releases.models import Account, PersonalToken, ReleaseRequest, Snapshot, SyntheticVersion
from releases.permissions import explain
from releases.services import requests, sources, summaries
from releases.services.recorded import refuse
from releases.views.interface.shapes import (
    ConfirmIn,
    DatasetLine,
    DatasetOut,
    DescribeIn,
    GenerationIn,
    PointIn,
    RequestIn,
    RequestLine,
    RequestOut,
    RunOut,
    SnapshotOut,
    SummaryIn,
    SummaryOut,
    VersionIn,
    VersionOut,
)
from releases.views.interface.site import Bearer, caller
from releases.views.interface.site import interface as interface
from releases.views.pages import visible
from releases.views.uploads import CHUNK

READ, REGISTER, REQUEST = (Bearer(scope) for scope in PersonalToken.Scope)
MOST = 200
"""Rows of a list; the newest come first."""


@interface.get("/datasets", response=list[DatasetLine], summary="Datasets you look after", auth=READ)
def list_datasets(request: HttpRequest) -> list[DatasetLine]:
    return DatasetLine.every(visibility.visible_sources(caller(request))[:MOST])


@interface.get("/datasets/{dataset}", response=DatasetOut, summary="One dataset", auth=READ)
def get_dataset(request: HttpRequest, dataset: UUID) -> DatasetOut:
    me = caller(request)
    return DatasetOut.of(visible(visibility.visible_sources(me), dataset), me)


@interface.post("/datasets/{dataset}/files", response={201: SnapshotOut}, summary="Give new data: the file is the body", auth=REGISTER)
def send_file(request: HttpRequest, dataset: UUID, name: str) -> Any:
    """The body is the file itself, CSV or Parquet, or a zip archive of several tables; `name` says which. It becomes the next snapshot.

    It is streamed into the zone; a connection that is cut half way leaves nothing.
    """
    me = caller(request)
    source = visible(visibility.visible_sources(me), dataset)
    sentence = explain(me, "receive_upload", source)
    if sentence is not None:
        refuse(me, "receive_upload", source, sentence)  # before a byte is read
    size = request.META.get("CONTENT_LENGTH") or ""
    if not size.isdigit():
        raise InputError("say how long the file is: the request needs a Content-Length")
    plain = PurePath(name).name
    if is_archive(plain):
        made = sources.receive_files(me, source, sent=[Incoming(plain, request, int(size))])  # type: ignore[arg-type] # it reads
    else:
        made = sources.receive_upload(me, source, name=plain, chunks=_chunks(request), size=int(size))
    return Status(201, _snapshot(made, request))


@interface.post("/datasets/{dataset}/places", response={201: SnapshotOut}, summary="Give new data: where they lie", auth=REGISTER)
def point_at_file(request: HttpRequest, dataset: UUID, given: PointIn) -> Any:
    """The file or folder stays where it is. It becomes the next snapshot."""
    me = caller(request)
    return Status(201, _snapshot(sources.point_at_file(me, visible(visibility.visible_sources(me), dataset), path=given.path), request))


@interface.get("/snapshots/{snapshot}", response=SnapshotOut, summary="One snapshot: how far it is", auth=READ)
def get_snapshot(request: HttpRequest, snapshot: UUID) -> SnapshotOut:
    return _snapshot(visible(visibility.visible_snapshots(caller(request)), snapshot), request)


@interface.post("/snapshots/{snapshot}/confirmation", response={202: RunOut}, summary="Confirm a schema that did not change", auth=REGISTER)
def confirm_schema(request: HttpRequest, snapshot: UUID, given: ConfirmIn) -> Any:
    """Only where a steward confirmed this dataset's schema before and the new data do not differ from it: else a person looks at it."""
    me = caller(request)
    found = visible(visibility.visible_snapshots(me), snapshot)
    sentence = explain(me, "confirm_schema", found) or _to_be_looked_at(found)
    if sentence is not None:
        refuse(me, "confirm_schema", found, sentence)
    schema = DatasetSchema.from_dict(found.proposed_schema)
    if schema.digest != given.schema_sha256:
        raise InputError("that is not the digest of the schema that waits; ask for the snapshot again")
    run = sources.confirm_schema(me, found, schema=schema, published_names=[table.name for table in schema.tables])
    return Status(202, RunOut.of(run))


@interface.get("/datasets/{dataset}/summaries", response=list[SummaryOut], summary="Summaries of a dataset, the newest first", auth=READ)
def list_summaries(request: HttpRequest, dataset: UUID) -> list[SummaryOut]:
    source = visible(visibility.visible_sources(caller(request)), dataset)
    return [SummaryOut.of(each) for each in source.summaries.order_by("-made_at")[:MOST]]


@interface.post("/datasets/{dataset}/summaries", response={202: RunOut}, summary="Ask for a summary", auth=REQUEST)
def request_summary(request: HttpRequest, dataset: UUID, given: SummaryIn) -> Any:
    me = caller(request)
    source = visible(visibility.visible_sources(me), dataset)
    run = summaries.request_summary(me, source, policy=given.policy, without=given.without, cross_tabulations=given.cross_tabulations)
    return Status(202, RunOut.of(run))


@interface.get("/datasets/{dataset}/requests", response=list[RequestLine], summary="Requests about a dataset, the newest first", auth=READ)
def list_requests(request: HttpRequest, dataset: UUID) -> list[RequestLine]:
    me = caller(request)
    source = visible(visibility.visible_sources(me), dataset)
    found = _about(me).filter(source=source).order_by("-changed_at")
    return [RequestLine.of_row(each) for each in found[:MOST]]


@interface.post("/datasets/{dataset}/requests", response={201: RequestOut}, summary="Begin a request", auth=REQUEST)
def create_request(request: HttpRequest, dataset: UUID, given: RequestIn) -> Any:
    me = caller(request)
    made = requests.create_request(me, visible(visibility.visible_sources(me), dataset), title=given.title)
    return Status(201, RequestOut.of(made, me))


@interface.get("/requests/{key}", response=RequestOut, summary="One request: its state, versions and gates", auth=READ)
def get_request(request: HttpRequest, key: UUID) -> RequestOut:
    me = caller(request)
    return RequestOut.of(_asked(me, key), me)


@interface.patch("/requests/{key}", response=RequestOut, summary="Describe a request: only what is sent is changed", auth=REQUEST)
def describe_request(request: HttpRequest, key: UUID, given: DescribeIn) -> RequestOut:
    me = caller(request)
    fields = {name: value for name, value in given.model_dump(exclude_unset=True).items() if value is not None}
    return RequestOut.of(requests.describe_request(me, _asked(me, key), **fields), me)


@interface.post("/requests/{key}/generations", response={202: RunOut}, summary="Ask for a generation", auth=REQUEST)
def request_generation(request: HttpRequest, key: UUID, given: GenerationIn) -> Any:
    """The version it makes is evaluated by itself; ask for the run, or for the request, to see how far it is."""
    me = caller(request)
    asked = _asked(me, key)
    summary = visible(visibility.visible_summaries(me), given.summary) if given.summary else None
    run = requests.request_generation(
        me,
        asked,
        generator=given.generator,
        rows=given.rows,
        scale=given.scale,
        seed=given.seed,
        summary=summary,
        learning=_learning(given),
    )
    return Status(202, RunOut.of(run))


@interface.get("/runs/{key}", response=RunOut, summary="One run: how far it is", auth=READ)
def get_run(request: HttpRequest, key: UUID) -> RunOut:
    return RunOut.of(visible(visibility.visible_runs(caller(request)), key))


@interface.get("/versions/{key}", response=VersionOut, summary="One version and its gates", auth=READ)
def get_version(request: HttpRequest, key: UUID) -> VersionOut:
    return VersionOut.of(_version(caller(request), key))


@interface.put("/requests/{key}/version", response=RequestOut, summary="Choose the version to release", auth=REQUEST)
def choose_version(request: HttpRequest, key: UUID, given: VersionIn) -> RequestOut:
    me = caller(request)
    asked = _asked(me, key)
    version = _version(me, given.version)
    return RequestOut.of(requests.choose_version(me, asked, version=version), me)


@interface.post("/requests/{key}/submission", response=RequestOut, summary="Submit a request for review", auth=REQUEST)
def submit(request: HttpRequest, key: UUID) -> RequestOut:
    """Where a standing approval of the way it was made holds, it is approved by that; else reviewers decide."""
    me = caller(request)
    return RequestOut.of(requests.submit(me, _asked(me, key)), me)


def _about(me: Account) -> QuerySet[ReleaseRequest]:
    """Requests about datasets this person looks after or audits. As a reviewer one reads on the pages, where who may know what is kept."""
    return visibility.visible_requests(me).filter(source__in=visibility.visible_sources(me))


def _asked(me: Account, key: UUID) -> ReleaseRequest:
    found: ReleaseRequest = visible(_about(me), key)
    return found


def _version(me: Account, key: UUID) -> SyntheticVersion:
    found: SyntheticVersion = visible(visibility.visible_versions(me).filter(request__in=_about(me)), key)
    return found


def _chunks(request: HttpRequest) -> Iterator[bytes]:
    while part := request.read(CHUNK):
        yield part


def _snapshot(snapshot: Snapshot, request: HttpRequest) -> SnapshotOut:
    digest = DatasetSchema.from_dict(snapshot.proposed_schema).digest if snapshot.proposed_schema else None
    return SnapshotOut.of(snapshot, caller(request), digest)


def _to_be_looked_at(snapshot: Snapshot) -> str | None:
    """Why a person must confirm this schema, or None."""
    before = snapshot.source.snapshots.filter(number__lt=snapshot.number, confirmed_schema__isnull=False).order_by("-number").first()
    if before is None:
        return "The first schema of a dataset is confirmed by a steward on its page."
    if snapshot.drift or before.confirmed_schema != snapshot.proposed_schema:
        return "The schema differs from the one confirmed before; a steward looks at it on its page."
    return None


def _learning(given: GenerationIn) -> Learning | None:
    asked = given.learning
    if asked is None:
        return None
    budget = Budget(epsilon=asked.epsilon, delta=asked.delta, contributions=asked.contributions, max_membership=asked.max_membership)
    return Learning(options=asked.options, budget=budget, apart=tuple(asked.apart), seed=asked.seed)
