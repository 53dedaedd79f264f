"""Texts that must not be made up by chance, told without telling which they are.

Phrases that many use, put together anew, could give the very text that one person has. A bitmap bars such texts: every text has one place
in it, and the places of all texts that too few persons have are set. So are half of all the others, at random: a text that is barred is
hardly likelier to be somebody's than any other (the odds at most double), and one that is not is nobody's. The randomness comes from the
texts themselves, which whoever sees the bitmap does not have; the same texts give the same bitmap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_LEAST, _EACH = 4096, 16
"""Fewest places, and places for each text that is barred: few enough others are barred by them."""


@dataclass(frozen=True)
class Barred:
    """bits: one byte for eight places, as hexadecimal digits; salt: what makes places of one table tell nothing of those of another."""

    bits: str
    salt: str

    def has(self, text: str) -> bool:
        """Whether the text must not be made."""
        place = _place(text, self.salt, len(self.bits) * 4)
        return bool(int(self.bits[place // 4], 16) >> (place % 4) & 1)

    @staticmethod
    def of(rare: Sequence[str], every: Iterable[str]) -> Barred:
        """rare: the texts to bar; every: all texts of the column, of which the randomness is made."""
        secret = hashlib.blake2b(digest_size=32)
        for text in sorted(every):
            secret.update(text.encode() + b"\0")
        seed = int.from_bytes(secret.digest(), "big")
        rng = np.random.default_rng(seed)
        salt = rng.bytes(8).hex()
        places = max(_LEAST, 1 << (_EACH * len(rare)).bit_length())
        bits: npt.NDArray[np.bool_] = rng.random(places) < 0.5
        for text in rare:
            bits[_place(text, salt, places)] = True
        digits = bits.reshape(-1, 4) @ np.array([1, 2, 4, 8])
        return Barred("".join(f"{digit:x}" for digit in digits), salt)


def _place(text: str, salt: str, places: int) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=salt.encode()).digest(), "big") % places
