"""Tables as CSV."""

import pytest

from service.api.tables import safe


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1"])
def test_no_spreadsheet_takes_a_cell_for_a_formula(cell: str) -> None:
    assert safe(cell) == f"'{cell}"
    assert safe("sales=1") == "sales=1"
