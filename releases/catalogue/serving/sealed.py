"""Files encrypted at rest, readable from any place in them: what lies in the store of safeguarded data, and proofs of training.

A file is a head (format, 32 random bytes) and chunks of 64 KiB, each sealed with AES-256-GCM under a key of that file alone (HKDF of the
site's key with the head's random bytes). The nonce counts the chunks and marks the last one, so that chunks cannot be swapped, dropped or
cut off unseen: STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", CRYPTO 2015). Any chunk can be opened alone: an answer to a range reads no more than it needs.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from releases.capsule import files

CHUNK = 64 * 1024
_MAGIC = b"synthportal seal 1\n"
_SALT = 32
_TAG = 16
_HEAD = len(_MAGIC) + _SALT


class SealBroken(OSError):
    """A sealed file that is not whole, or was sealed with another key."""


def seal(pieces: Iterable[bytes], target: Path, key: bytes) -> tuple[int, str]:
    """Write the bytes sealed to the new file `target` (0400), durably; their number and SHA-256 (hex)."""
    salt = secrets.token_bytes(_SALT)
    cipher, digest, size, index, waiting = _cipher(key, salt), hashlib.sha256(), 0, 0, b""
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as stream:
        stream.write(_MAGIC + salt)
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            waiting, at = waiting + piece, 0
            while len(waiting) - at > CHUNK:  # the last chunk, full or not, is written below: it is marked as the last
                stream.write(cipher.encrypt(_nonce(index, last=False), waiting[at : at + CHUNK], _MAGIC))
                at, index = at + CHUNK, index + 1
            waiting = waiting[at:]
        stream.write(cipher.encrypt(_nonce(index, last=True), waiting, _MAGIC))
        stream.flush()
        os.fsync(stream.fileno())
    files.sync_folder(target.parent)
    return size, digest.hexdigest()


class Sealed(io.RawIOBase):
    """What was sealed, to be read from anywhere in it. SealBroken when the file is not whole or none of the keys is its own."""

    def __init__(self, path: Path, *keys: bytes) -> None:
        super().__init__()
        self._stream = path.open("rb")
        head = self._stream.read(_HEAD)
        rest = os.fstat(self._stream.fileno()).st_size - _HEAD
        if len(head) < _HEAD or not head.startswith(_MAGIC) or rest < _TAG:
            self._stream.close()
            raise SealBroken("a sealed file is damaged")
        self._ciphers = [_cipher(key, head[len(_MAGIC) :]) for key in keys]
        self._chunks = -(-rest // (CHUNK + _TAG))
        self.size = rest - self._chunks * _TAG
        self._at = 0
        self._open: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError("a place before the beginning of the file")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._at < self.size:
            index, skip = divmod(self._at, CHUNK)
            part = self._chunk(index)[skip : skip + len(view) - done]
            view[done : done + len(part)] = part
            done, self._at = done + len(part), self._at + len(part)
        return done

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()

    def _chunk(self, index: int) -> bytes:
        if self._open[0] != index:
            self._stream.seek(_HEAD + index * (CHUNK + _TAG))
            self._open = (index, self._decrypted(index, self._stream.read(CHUNK + _TAG)))
        return self._open[1]

    def _decrypted(self, index: int, content: bytes) -> bytes:
        nonce = _nonce(index, last=index == self._chunks - 1)
        for cipher in self._ciphers:
            try:
                opened = cipher.decrypt(nonce, content, _MAGIC)
            except InvalidTag:
                continue
            self._ciphers = [cipher]  # a file has one key
            return opened
        raise SealBroken("a sealed file is damaged, or was sealed with another key")


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=_MAGIC).derive(key))


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
