"""A small hospital of several tables, made up: people, wards, visits, lines of visits, a list of codes, deaths."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from generators.disclosure import DisclosurePolicy
from generators.reading.dataset import Dataset
from generators.reading.tables import read_dataset

Rows = list[list[object]]
Tables = dict[str, tuple[list[str], Rows]]

FEW = DisclosurePolicy("few", 1, minimum=3, rounding=3, minimum_table=20)


def hospital(people: int = 400, seed: int = 1) -> Tables:
    """Columns and rows by table name. Every reference leads somewhere."""
    draw = random.Random(seed)  # noqa: S311
    patients: Rows = [[f"P{i:05d}", draw.choice("FM"), 1930 + i % 70] for i in range(people)]
    wards: Rows = [[f"W{i:02d}", f"Ward {i}"] for i in range(8)]
    codes: Rows = [[100 + i, f"Diagnosis {i}"] for i in range(12)]
    visits: Rows = []
    last: dict[object, str] = {}
    for patient in patients:
        for _ in range(draw.choice([0, 1, 1, 2, 3])):
            name = f"V{len(visits):06d}"
            ward = draw.choice(wards)[0] if draw.random() < 0.9 else ""
            visits.append([name, patient[0], ward, last.get(patient[0], ""), f"2024-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"])
            last[patient[0]] = name
    lines: Rows = [[v[0], n, draw.choice(["A", "B", "C"])] for v in visits for n in range(1, draw.choice([1, 2, 4]))]
    given: Rows = [[line[0], line[1], draw.randint(1, 9)] for line in lines for _ in range(draw.choice([0, 1, 2]))]
    found: Rows = [[v[0], code[0]] for v in visits for code in draw.sample(codes, draw.choice([0, 1, 3]))]
    moves: Rows = [[f"T{i:05d}", v[0], draw.choice(wards)[0], draw.choice(wards)[0]] for i, v in enumerate(visits) if i % 2]
    deaths: Rows = [[p[0], 2020 + i % 4] for i, p in enumerate(patients) if i % 5 == 0]
    return {
        "patients": (["patient_id", "sex", "birth_year"], patients),
        "wards": (["ward_id", "title"], wards),
        "diagnosis_codes": (["code_id", "meaning"], codes),
        "visits": (["visit_id", "patient_id", "ward_id", "previous_visit_id", "admitted"], visits),
        "visit_lines": (["visit_id", "line_no", "drug"], lines),
        "dispensed": (["visit_id", "line_no", "quantity"], given),
        "visit_diagnoses": (["visit_id", "diagnosis_code_id"], found),
        "transfers": (["transfer_id", "visit_id", "from_ward_id", "to_ward_id"], moves),
        "deaths": (["patient_id", "death_year"], deaths),
    }


def write(folder: Path, tables: Mapping[str, tuple[Sequence[str], Rows]]) -> Path:
    """The tables as CSV files of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (header, rows) in tables.items():
        lines = [",".join(header), *(",".join(str(v) for v in row) for row in rows)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


def read(folder: Path, tables: Mapping[str, tuple[Sequence[str], Rows]]) -> Dataset:
    """The tables read, with the schema proposed for them."""
    return read_dataset(write(folder / "files", tables), folder / "work")
