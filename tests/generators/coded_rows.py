"""Small coded tables for the tests of models: dependence that is known, missing codes, a fine part, repeated persons."""

from __future__ import annotations

import numpy as np

from generators.encoding.coded import CodedRows, Part

PARTS = (
    Part("sex", "value", 3),
    Part("age", "coarse", 9, ordered=True, ordered_codes=(0, 8)),
    Part("age", "fine", 4, ordered=True, of=1, within=(0, 8)),
    Part("ward", "value", 6),
    Part("died", "value", 2),
)


def coded(rows: int = 2000, seed: int = 0) -> CodedRows:
    """`rows` rows of about two a person: ward hangs on sex and age, died on ward; the last code of sex and age is that for missing."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(3, rows, p=[0.49, 0.49, 0.02])
    age = np.where(rng.random(rows) < 0.05, 8, np.clip(rng.normal(4 + sex, 1.5, rows).round(), 0, 7)).astype(int)
    fine = np.where(age < 8, rng.integers(0, 4, rows), 0)
    ward = np.where(rng.random(rows) < 0.8, np.minimum(5, age // 2 + (sex == 1)), rng.integers(0, 6, rows))
    died = (rng.random(rows) < np.array([0.05, 0.1, 0.15, 0.3, 0.5, 0.7])[ward]).astype(int)
    persons = rng.integers(0, max(1, rows // 2), rows)
    return CodedRows(np.stack([sex, age, fine, ward, died], axis=1).astype(np.int32), PARTS, np.unique(persons, return_inverse=True)[1])
