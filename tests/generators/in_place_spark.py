"""Summarises the tables of tests/generators/test_in_place.py under Spark, in a process of its own: Spark keeps threads and sockets."""

import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from generators.in_place.opening import open_place
from generators.in_place.summarising import summarise_in_place
from tests.generators.test_in_place import FEW_STEPS, schema_under_spark


def main(parquet: Path, out: Path) -> None:
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "Europe/London",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    for table in schema_under_spark().tables:
        rows = session.read.parquet(str(parquet / f"{table.name}.parquet"))
        if table.name == "visits":
            rows = rows.withColumn("minutes", f.col("minutes").cast("decimal(10,0)"))
        rows.coalesce(1).cache().createOrReplaceTempView(table.name)
    place = open_place("spark", session=session)
    out.write_text(summarise_in_place(place, schema_under_spark(), FEW_STEPS).to_json())
    place.close()
    assert session.conf.get("spark.sql.session.timeZone") == "Europe/London"
    session.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
