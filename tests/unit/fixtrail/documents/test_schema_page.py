"""The page of the schema says something of every view and column."""

import pytest

from fixtrail.documents.sql_schema import View, schema_page, views


@pytest.mark.parametrize("view", views(), ids=lambda view: view.name)
def test_a_view_is_described(view: View):
    assert view.about.endswith(".")
    assert len(view.columns) > 4
    assert all(meaning for meaning, _ in view.columns.values())
    assert view.example.startswith("SELECT ")
    assert f"| `{next(iter(view.columns))}` |" in schema_page()


def test_durations_and_times_have_their_units():
    for view in views():
        for name, (_, unit) in view.columns.items():
            if name.endswith("_s"):
                assert unit == "s", (view.name, name)
            if name.endswith("_at"):
                assert unit == "UTC", (view.name, name)
