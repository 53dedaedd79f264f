"""Emergency visits as the secure side would release them: `python -m tests.public.visits_release FOLDER` writes an unsigned capsule
(`capsule`), which has training examples, and a table with the same columns as a hospital would have it (`real.csv`).

A program of its own: the public site's process, and so its tests', may not load what makes data.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq

from generators import units
from generators.progress import silent
from generators.reading.tables import write_csv
from generators.simulated import EMERGENCY_SCHEMA, UNITS, emergency_department, with_units
from releases import examples
from releases.capsule.build import CapsuleTable, build
from releases.capsule.manifest import Made
from tests.capsule.world import REPORT, description

ROWS = 900


def main(folder: Path) -> None:
    schema = with_units().deidentified()
    name = schema.tables[0].name
    table = emergency_department(rows=ROWS, seed=4).select([column.name for column in schema.tables[0].columns])
    pq.write_table(table, folder / "visits.parquet")
    pyarrow.csv.write_csv(table, folder / "visits.csv")
    build(
        folder / "capsule",
        description(slug="visits", rows=ROWS, tier="privately-sourced", made=Made("any", "1", "ab" * 32, 1, ROWS, None, 1)),
        tables=[CapsuleTable(name, folder / "visits.parquet", folder / "visits.csv", ROWS)],
        schema=schema.as_dict(),
        report_json=json.dumps(REPORT),
        report_html="<!doctype html><title>Report</title>",
        examples=examples.scripts(schema, {name: name}),
        unit_words={unit: units.words(unit) for unit in UNITS.values()},
    )
    pq.write_table(emergency_department(rows=1200, seed=9), folder / "real.parquet")
    write_csv(folder / "real.parquet", folder / "real.csv", EMERGENCY_SCHEMA.tables[0], progress=silent)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
