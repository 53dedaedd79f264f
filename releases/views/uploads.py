"""Receiving a file without a record ever touching a folder outside the secure tree.

Django would spool uploads to the system's temporary folder. The handler here writes to an *unlinked* file inside the zone's own upload
folder instead: it has no name, so a process that dies leaves nothing, and nothing else can open it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.views.decorators.csrf import csrf_protect

from generators.errors import InputError

CHUNK = 1 << 20
"""Bytes handed on at a time."""

FORM_ALLOWANCE = 64 * 1024
"""Bytes of the request that are not the file: the other fields and the boundaries."""


class SecureUploadHandler(FileUploadHandler):
    """Streams the uploaded file into an unlinked file in `folder`; refuses more than `limit` bytes."""

    chunk_size = CHUNK

    def __init__(self, request: HttpRequest, folder: Path, limit: int) -> None:
        super().__init__(request)
        self.folder = folder
        self.limit = limit
        self.received = 0
        self.spool: IO[bytes] | None = None
        self.refusal: str | None = None

    def handle_raw_input(self, input_data: Any, META: dict[str, Any], content_length: int, boundary: Any, encoding: Any = None) -> None:
        if content_length > self.limit + FORM_ALLOWANCE:
            self._refuse()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Lives exactly as long as the request: `UploadedFile.close` (called by Django at the request's end) frees it.
        self.spool = tempfile.TemporaryFile(dir=self.folder)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self.received += len(raw_data)
        if self.received > self.limit:
            self._refuse()
        if self.spool is not None:
            try:
                self.spool.write(raw_data)
            except OSError:
                self.refusal = (
                    "There is no room left in the secure zone for this file. Ask whoever runs this site to free some, then try again."
                )
                raise StopUpload(connection_reset=False) from None
        return None

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        if self.spool is None:
            return None
        self.spool.seek(0)
        return UploadedFile(file=self.spool, name=self.file_name, content_type=self.content_type, size=file_size, charset=self.charset)

    def upload_interrupted(self) -> None:
        if self.spool is not None:
            self.spool.close()
            self.spool = None

    def _refuse(self) -> None:
        self.upload_interrupted()  # Django does not call it when a handler stops the upload
        self.refusal = (
            f"The file is larger than the {filesizeformat(self.limit)} this site accepts. Put it in a secure folder and point at it."
        )
        raise StopUpload(connection_reset=False)


def refusal(request: HttpRequest) -> str | None:
    """Why the handler stopped receiving, as a sentence; None when it did not."""
    return next((h.refusal for h in request.upload_handlers if isinstance(h, SecureUploadHandler) and h.refusal), None)


def complete(request: HttpRequest) -> None:
    """InputError unless the whole form arrived: its last field, after the file, is there. A connection cut half way has none."""
    stopped = refusal(request)
    if stopped:
        raise InputError(stopped)
    if request.POST.get("end") != "of form":
        raise InputError("The file did not arrive whole: the connection was cut. Nothing was kept; please send it again.")


def receiving(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Wraps the part of a view that reads a form with a file in it.

    The handler must be in place before anything reads the form, and the CSRF check reads it: so the view that calls this is
    `csrf_exempt`, asks first whether this person may send a file at all (a stranger's file is not read), and then calls the wrapped
    part, which is CSRF-checked here.
    """
    protected = csrf_protect(view)

    def received(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
        request.upload_handlers = [SecureUploadHandler(request, folder, settings.SYNTHPORTAL_MAX_UPLOAD_BYTES)]
        return protected(request, *args, **kwargs)

    return received
