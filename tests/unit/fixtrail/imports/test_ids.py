"""Event ids of an import: the same every time, and in the order of the log."""

from hypothesis import given
from hypothesis import strategies as st

from fixtrail.imports.rules import event_id

cases = st.text(min_size=1, max_size=300)
ordinals = st.integers(1, 999_999)
rules = st.none() | st.integers(1, 99)


def test_an_id_tells_source_case_and_place():
    assert event_id("dms", "SH-1", 7, None) == "dms:SH-1:000007"
    assert event_id("dms", "SH-1", 7, 3) == "dms:SH-1:000007:03"


@given(cases, ordinals, rules)
def test_an_id_fits_and_is_the_same_again(case, ordinal, rule):
    identity = event_id("n" * 40, case, ordinal, rule)

    assert len(identity) <= 128
    assert identity == event_id("n" * 40, case, ordinal, rule)


@given(cases, st.tuples(ordinals, st.integers(1, 99)), st.tuples(ordinals, st.integers(1, 99)))
def test_ids_of_a_case_sort_as_its_rows_do(case, row_a, row_b):
    assert (event_id("dms", case, *row_a) < event_id("dms", case, *row_b)) == (row_a < row_b)


@given(cases, cases, ordinals)
def test_two_cases_never_share_an_id(case_a, case_b, ordinal):
    assert (event_id("dms", case_a, ordinal, None) == event_id("dms", case_b, ordinal, None)) == (case_a == case_b)


def test_long_cases_that_differ_only_at_the_end_keep_their_own_ids():
    assert event_id("dms", "x" * 200 + "1", 1, None) != event_id("dms", "x" * 200 + "2", 1, None)
