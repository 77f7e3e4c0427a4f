"""Report `grades`: first-time fix of technicians, adjusted for their cases, and jobs done below grade."""

from functools import partial

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.figure_kinds import difference_figure, share_figure, share_of_rows
from fixtrail.reports.grades.case_mix import LEAST, TECHNICIAN_COLUMNS, BelowGrade, CaseMix, below_grade, case_mix_of
from fixtrail.reports.grades.staff_file import read_staff
from fixtrail.reports.grades.touch import TOUCH_COLUMNS, touch_mix_of
from fixtrail.reports.grades.words import DEFINITIONS, METHODS, TITLE
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.quality.charts import draw_shrunk
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Column, Figure, Report, Sheet, plain, sheet_of
from fixtrail.reports.sample import ask_sample
from fixtrail.reports.stats import intervals

_TOUCH_TITLE = Bilingual("维修时长：按其工单", "Repair time with their cases")
_BELOW = (
    Column("center_id", Bilingual("服务中心", "center")),
    Column("jobs", Bilingual("有等级要求的作业", "jobs that need a grade"), "count"),
    Column("below", Bilingual("低于等级", "below grade"), "count"),
    Column("share", Bilingual("占比", "share"), "share"),
    *Column.bounds("share"),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("grades", options)
    staff = read_staff(options.staff)
    parameters, one_in = ask_sample(ask, options)
    work = ask("grades", **parameters)
    touch = touch_mix_of(work, ask("grades_touch", **parameters))
    below = below_grade(work, staff, ask("grades_staff")) if staff is not None else None
    return report_of(case_mix_of(work), below, options, one_in, touch)


def report_of(
    mix: CaseMix, below: BelowGrade | None, options: Options, one_in: int = 1, touch: pd.DataFrame | None = None
) -> Report:
    """The report on a case mix, and on jobs below grade where a staff file says which need one."""
    scope = options.scope() | {"one_vehicle_in": one_in}
    if mix.reason is not None:
        scope["not_estimable"] = mix.reason
    note = Bilingual(f"判定工单少于 {LEAST} 的不比较", f"not compared below {LEAST} judged orders")
    title = Bilingual("技师：按其工单", "Technicians with their cases")
    sheets = [sheet_of("technicians", title, TECHNICIAN_COLUMNS, mix.technicians, note)]
    if touch is not None:
        sheets.append(sheet_of("touch", _TOUCH_TITLE, TOUCH_COLUMNS, touch, note))
    if below is not None:
        sheets.append(_below_sheet(below))
    return Report(
        "grades",
        TITLE,
        REPORTS["grades"],
        scope,
        _figures(mix, below),
        tuple(sheets),
        _charts(mix.technicians),
        METHODS,
        DEFINITIONS,
    )


def _figures(mix: CaseMix, below: BelowGrade | None) -> tuple[Figure, ...]:
    table = mix.technicians
    enough = table[table["enough"].astype(bool)] if len(table) else table
    apart = int(enough["apart"].sum()) if len(enough) else 0
    few = {"few_orders": len(table) - len(enough)}
    figure = share_figure("technicians_apart", apart, len(enough), len(table), few)
    return (figure, *(_below_figures(below) if below is not None else ()))


def _below_figures(below: BelowGrade) -> tuple[Figure, ...]:
    jobs, unknown = below.jobs, {"no_grade": below.n_all - len(below.jobs)}
    return (
        share_of_rows("jobs_below_grade", jobs["is_below"], jobs["center_id"], below.n_all, unknown),
        difference_figure("below_grade_ftfr_difference", below.difference, len(jobs)),
    )


def _below_sheet(below: BelowGrade) -> Sheet:
    rows = []
    for center_id, own in below.jobs.groupby("center_id"):
        count = int(own["is_below"].astype(bool).sum())
        rows.append(
            {
                "center_id": center_id,
                "jobs": len(own),
                "below": count,
                "share": count / len(own),
                **intervals.share(count, len(own)).cells(),
            }
        )
    return sheet_of("below_grade", Bilingual("低于等级的作业", "Jobs below grade"), _BELOW, rows)


def _charts(technicians: pd.DataFrame) -> tuple[Chart, ...]:
    enough = technicians[technicians["enough"].astype(bool)].head(40)
    rows = [
        {**{str(key): plain(value) for key, value in row.items()}, "shrunk": row["adjusted"]}
        for row in enough.to_dict("records")
    ]
    title = Bilingual("技师（按其工单，收缩后）", "Technicians with their cases, shrunk")
    labels = ("center_id", "technician")
    return (Chart("technicians", title, "technicians", partial(draw_shrunk, rows, labels, None)),) if rows else ()
