"""Alignments of visits with procedures: against a search that tries everything, and deviations by name."""

import tomllib
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.procedures.alignment import AlignmentStep, align
from fixtrail.procedures.file import Procedure, Procedures
from fixtrail.procedures.judgement import WorkEvent, judge
from schemas.toml_file import TomlFileError, parse_model

steps = st.lists(
    st.builds(
        AlignmentStep, st.sampled_from([frozenset("a"), frozenset("b"), frozenset("c")]), st.booleans(), st.booleans()
    ),
    min_size=1,
    max_size=4,
)


def every_way(procedure, longest):
    """All sequences up to a length that a procedure allows, found by walking it; done: the step just done, or None."""
    words, walked, todo = set(), set(), [(0, None, "")]
    while todo:
        number, done, word = way = todo.pop()
        if way in walked or len(word) > longest:
            continue
        walked.add(way)
        if done is not None:
            last = procedure[done]
            todo += [(number, done, word + label) for label in last.labels if last.repeatable]
            todo += [(last.back_to, None, word)] * (last.back_to is not None)
        if number == len(procedure):
            words.add(word)
        else:
            step = procedure[number]
            todo += [(number + 1, number, word + label) for label in step.labels]
            todo += [(number + 1, number, word)] * step.optional
    return words


def distance(word, second):
    """Insertions and deletions between two sequences, without replacements."""

    @cache
    def at(i, j):
        if not i or not j:
            return i + j
        same = at(i - 1, j - 1) if word[i - 1] == second[j - 1] else i + j
        return min(same, at(i - 1, j) + 1, at(i, j - 1) + 1)

    return at(len(word), len(second))


@given(steps, st.text("abc", max_size=4), st.data())
def test_no_way_through_the_procedure_is_nearer(procedure, events, data):
    number = data.draw(st.integers(0, len(procedure) - 1))
    procedure[-1] = AlignmentStep(procedure[-1].labels, procedure[-1].optional, procedure[-1].repeatable, number)

    nearest = min(distance(events, way) for way in every_way(procedure, 2 * len(procedure) + 4))

    assert align(procedure, events).cost == nearest


@given(steps, st.text("abc", max_size=6))
def test_every_event_is_in_one_move_and_steps_come_in_order(procedure, events):
    alignment = align(procedure, events)

    assert [move.event for move in alignment.moves if move.event is not None] == list(range(len(events)))
    done = [move.step for move in alignment.moves if move.step is not None]
    assert all(before <= after for before, after in pairwise(done))
    assert alignment.cost <= len(events) + len(procedure)
    assert alignment.cost == len(alignment.skipped) + len(alignment.extra)


BRAKES = Procedure.model_validate(
    tomllib.loads("""
name = "brakes"
groups = ["brakes"]
least_share_of_planned = 0.3
step = [
  {name = "diagnosis", event = "diagnosis.completed"},
  {name = "repair", event = "repair.started"},
  {name = "done", event = "repair.completed", min_minutes = 10, max_minutes = 120},
  {name = "check", event = "quality_check.completed", back_to = "repair"},
]
""")
)
MINUTE = 60_000


def visit(*events):
    return [WorkEvent(round(at * MINUTE), *name.split("/")) for at, name in events]


def deviations(*events, planned=None, procedure=BRAKES):
    return [(deviation.kind, deviation.step) for deviation in judge(procedure, visit(*events), planned).deviations]


AS_IT_SHOULD = ((0, "diagnosis.completed"), (10, "repair.started"), (60, "repair.completed"))


def test_a_visit_that_followed_its_procedure_has_no_deviation():
    assert deviations(*AS_IT_SHOULD, (70, "quality_check.completed")) == []


def test_after_a_failed_check_the_procedure_may_be_gone_through_again():
    again = ((70, "quality_check.completed"), (80, "repair.started"), (100, "repair.completed"))

    assert deviations(*AS_IT_SHOULD, *again, (110, "quality_check.completed")) == []


def test_a_car_without_its_check_is_told_apart():
    assert deviations(*AS_IT_SHOULD) == [("check_missing", "check")]


def test_a_step_done_at_another_time_is_out_of_order_and_neither_skipped_nor_extra():
    late = ((10, "repair.started"), (60, "repair.completed"), (65, "quality_check.completed"))

    assert deviations(*late, (70, "diagnosis.completed")) == [("out_of_order", "diagnosis")]


def test_what_comes_twice_is_extra_and_what_lacks_is_skipped():
    assert deviations((0, "diagnosis.completed"), *AS_IT_SHOULD, (70, "quality_check.completed")) == [
        ("extra", "diagnosis.completed")
    ]
    assert deviations(*AS_IT_SHOULD[1:], (70, "quality_check.completed")) == [("skipped", "diagnosis")]


def test_too_fast_and_too_slow_count_from_the_step_before():
    fast = ((0, "diagnosis.completed"), (10, "repair.started"), (15, "repair.completed"))
    slow = ((0, "diagnosis.completed"), (10, "repair.started"), (131, "repair.completed"))

    assert deviations(*fast, (20, "quality_check.completed")) == [("too_fast", "done")]
    assert deviations(*slow, (140, "quality_check.completed")) == [("too_slow", "done")]


def test_a_repair_of_less_than_its_share_of_the_planned_hours_is_too_fast():
    assert deviations(*AS_IT_SHOULD, (70, "quality_check.completed"), planned=3.0) == [("too_fast", "repair")]
    assert deviations(*AS_IT_SHOULD, (70, "quality_check.completed"), planned=2.5) == []


def test_events_that_the_procedure_does_not_name_say_nothing_of_it():
    events = ((1, "part_request.requested"), (2, "ready"))

    assert deviations(*AS_IT_SHOULD, *events, (70, "quality_check.completed")) == []


def test_codes_of_repairs_tell_steps_apart():
    coded = BRAKES.model_copy(
        update={
            "step": tuple(
                step.model_copy(update={"step": {"repair": "B1", "done": "B1"}.get(step.name)}) for step in BRAKES.step
            )
        }
    )
    events = ((0, "diagnosis.completed"), (10, "repair.started/B2"), (60, "repair.completed/B2"))

    assert ("skipped", "repair") in deviations(*events, (70, "quality_check.completed"), procedure=coded)
    right = [(at, name.replace("B2", "B1")) for at, name in events]
    assert deviations(*right, (70, "quality_check.completed"), procedure=coded) == []


READY = 'step = [{name = "s", event = "ready"}]'


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (f"{READY}\nextra = 1", "extra"),
        (f'groups = ["a"]\n{READY}\n[[procedure]]\nname = "b"\ngroups = ["a"]\n{READY}', "more than one"),
        ('step = [{name = "s", event = "painted"}]', "event"),
        ('step = [{name = "s", event = "ready", back_to = "t"}]', "no step t"),
        ('step = [{name = "s", event = "ready", step = "B1"}]', "repair events"),
        ('step = [{name = "s", event = "ready", min_minutes = 5, max_minutes = 2}]', "above max_minutes"),
        ("step = []", "step"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name_of_the_key(keys, reason):
    with pytest.raises(TomlFileError, match=reason):
        parse_model(tomllib.loads(f'[[procedure]]\nname = "p"\n{keys}'), Procedures, "procedures.toml")
