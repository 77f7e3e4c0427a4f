"""`fixtrail sql` keeps from the server the one call that would end the embedded one."""

import pytest

from fixtrail.all_settings import Settings
from fixtrail.clickhouse.query import names_python, rows
from runtime.failure import Failure
from tests.sql_attacks import FATAL

ALLOWED = [
    "SELECT 'Python(x)'",
    "SELECT 1 -- Python(x)",
    "SELECT 1 /* FROM Python(x) */",
    "SELECT python, count() FROM orders GROUP BY python",
    "SELECT 'it''s Python(x)', '\\' Python(x)'",
    "WITH Python AS (SELECT 1) SELECT * FROM Python",
    "SELECT pythonic(1)",
]


@pytest.mark.parametrize("query", FATAL.values(), ids=FATAL)
def test_a_call_is_found_however_it_is_written(query: str):
    assert names_python(query)
    with pytest.raises(Failure, match="not allowed"):
        rows(Settings(clickhouse="http://127.0.0.1:1"), query)


@pytest.mark.parametrize("query", ALLOWED)
def test_what_only_looks_like_it_is_let_through(query: str):
    assert not names_python(query)
