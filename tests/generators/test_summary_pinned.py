"""Summaries of simulated visits are the same bytes from release to release: nobody's approval lapses because the counting was changed."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES, DisclosurePolicy
from generators.simulated import EMERGENCY_SCHEMA, emergency_department
from generators.summarising.summarise import summarise

OWN = DisclosurePolicy("own", 1, minimum=8, rounding=10, minimum_table=100, date_unit="quarter", maximum_steps=300)
DIGESTS = {
    (27963, "public"): "cd9fc6bab7d71373",
    (27963, "internal"): "dec5b8be53645ec1",
    (27963, "own"): "669c7ac838687144",
    (3000, "public"): "86ec5bdeead18d63",
    (3000, "internal"): "f7126c764499f02c",
    (3000, "own"): "e1decb548bea151e",
}


@pytest.mark.promise("place.1")
@pytest.mark.parametrize(("rows", "policy"), DIGESTS)
def test_the_summary_of_simulated_visits_keeps_its_digest(rows: int, policy: str, tmp_path: Path) -> None:
    pq.write_table(emergency_department(rows), tmp_path / "t.parquet")
    train = {EMERGENCY_SCHEMA.tables[0].name: tmp_path / "t.parquet"}
    summary = summarise(train, EMERGENCY_SCHEMA.deidentified(), {**POLICIES, "own": OWN}[policy])
    assert summary.digest.startswith(DIGESTS[rows, policy])
