import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES
from generators.generating.marginal import filler
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summarising.concealment import estimated, hidden, remainder
from generators.summarising.summarise import summarise
from generators.summary import Cell, Distribution, MetadataSummary
from generators.summary_words import describe

EIGHT = POLICIES["sub-national"]


@pytest.mark.promise("disclosure.24")
def test_what_the_total_tells_of_a_remainder_is_an_interval_of_both_roundings():
    assert remainder((98, 102), [Cell("a", 60, 60), Cell("b", 30, 30)], EIGHT) == (4, 16)
    assert remainder((98, 102), [Cell("a", 60, 60), Cell("b", None, None)], EIGHT) == (0, 36)


@pytest.mark.promise("disclosure.24")
def test_a_figure_goes_only_where_somebody_was_left_out_and_too_much_would_be_told():
    shape = Distribution((Cell("a", 95, 95),))
    assert hidden(shape, 0, (98, 102), EIGHT) == shape
    assert hidden(shape, 3, (93, 97), EIGHT) == Distribution((Cell("a", None, None),))
    assert hidden(shape, 5, (98, 102), EIGHT) == shape  # 1 … 9: as many counts as the minimum
    small = Distribution((Cell("a", 10, 10),))
    assert hidden(small, 3, (10, 14), EIGHT) == Distribution()  # "at least 8" would tell that 3 … 6 are left


@pytest.mark.promise("disclosure.24")
@pytest.mark.promise("generate.7")
def test_a_value_without_its_figure_is_still_generated_in_its_place(tmp_path):
    schema = DatasetSchema((TableSchema("t", (ColumnSchema("ill", Kind.CATEGORICAL, "int64"),)),))
    pq.write_table(pa.table({"ill": [0] * 995 + [1] * 2}), tmp_path / "t.parquet")
    summary = summarise({"t": tmp_path / "t.parquet"}, schema, EIGHT)
    column = summary.tables[0].columns[0]
    assert column.distribution.values == (Cell("0", None, None),)
    assert MetadataSummary.from_json(summary.to_json(), summary.digest) == summary
    assert "figure of one value" in " ".join(describe(summary)[0].suppressed)
    assert estimated(summary.tables[0]).columns[0].distribution.weight == 995
    made = filler(schema.tables[0], summary.tables[0])(0, 100, np.random.default_rng(0))
    assert made.column("ill").to_pylist() == [0] * 100
