"""`fixtrail report`: a report computed now, onto the terminal or into files."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from fixtrail.reports.catalogue import REPORTS, builder
from fixtrail.reports.forms.document import as_csv, as_json, figures_sheet
from fixtrail.reports.options import Options, check_cut, parse_days
from fixtrail.reports.queries import query_runner, questions
from fixtrail.reports.report import Chart, Locale, Report
from fixtrail.reports.targets import NO_TARGETS, read_targets
from fixtrail.settings import ReportSettings
from runtime.failure import NEGATIVE, USAGE, ExitError

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ReportForms:
    """The requested forms of a report; none of them means the terminal."""

    json: bool = False
    html: Path | None = None
    csv: Path | None = None
    svg: Path | None = None
    png: Path | None = None
    chart: str | None = None
    locale: Locale = "zh-CN"


def read_options(targets: Path | None, since: str | None, until: str | None, by: str | None) -> Options:
    """The options of a command line. Raises ExitError that says which of them is wrong."""
    return Options(
        datetime.now(UTC), *parse_days(since, until), check_cut(by), read_targets(targets) if targets else NO_TARGETS
    )


def list_reports(say: Say) -> None:
    """Print every report and every query with the question that it answers."""
    for name, question in REPORTS.items():
        say(f"{name:<10} {question.en}")
    say("\nqueries (analytics/queries):")
    for name, question_of_query in questions().items():
        say(f"{name:<24} {question_of_query}")


def run_report(
    settings: ReportSettings, name: str, options: Options, forms: ReportForms, say: Say, table: Path | None = None
) -> int:
    """Compute a report and bring it into the forms wanted; the exit code."""
    build = builder(name)
    if table is not None and name != "kpi":
        raise ExitError("--table goes with report kpi", USAGE)
    if table is not None:
        from fixtrail.reports.kpi.external_figures import read_external_figures

        deliver(read_external_figures(table, options), forms, say)
    else:
        deliver(build(query_runner(settings), options), forms, say)
    return 0


def deliver(report: Report, forms: ReportForms, say: Say) -> None:
    """Print a report, or write its files and say their names. Raises ExitError for a chart that the report has not."""
    if forms.json:
        say(orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2).decode())
    files = []
    if forms.html:
        from fixtrail.reports.forms.page import render_page

        forms.html.write_text(render_page(report, forms.locale), encoding="utf-8")
        files.append(forms.html)
    if forms.csv:
        files += _write_csv(report, forms.csv, forms.chart)
    if forms.svg or forms.png:
        files += _write_pictures(report, forms)
    if files:
        if not forms.json:
            say("\n".join(f"{file} written" for file in files))
    elif not forms.json:
        from fixtrail.reports.forms.terminal import print_report

        print_report(report)


def _charts(report: Report, name: str | None) -> tuple[Chart, ...]:
    if name is None:
        if not report.charts:
            raise ExitError(f"report {report.name} has nothing to draw here", NEGATIVE)
        return report.charts
    charts = tuple(chart for chart in report.charts if chart.name == name)
    if not charts:
        names = ", ".join(chart.name for chart in report.charts) or "none"
        raise ExitError(f"report {report.name} has no chart {name!r}; it has {names}", USAGE)
    return charts


def _write_csv(report: Report, file: Path, chart: str | None) -> list[Path]:
    """One table goes into the file itself; of several, each into a file beside it that has the table's name, too."""
    if chart is not None:
        sheets = [report.sheet(_charts(report, chart)[0].sheet)]
    else:
        sheets = [*([figures_sheet(report)] if report.figures else []), *report.sheets]
    files = _files(file, [sheet.name for sheet in sheets])
    for path, sheet in zip(files, sheets, strict=True):
        # With a mark, or Excel takes Chinese for something else.
        path.write_text(as_csv(sheet), encoding="utf-8-sig", newline="")
    return files


def _write_pictures(report: Report, forms: ReportForms) -> list[Path]:
    from fixtrail.reports.forms.pictures import as_png, as_svg

    charts = _charts(report, forms.chart)
    files = []
    if forms.svg:
        for file, chart in zip(_files(forms.svg, [c.name for c in charts]), charts, strict=True):
            file.write_text(as_svg(chart, forms.locale, titled=True), encoding="utf-8")
            files.append(file)
    if forms.png:
        for file, chart in zip(_files(forms.png, [c.name for c in charts]), charts, strict=True):
            file.write_bytes(as_png(chart, forms.locale))
            files.append(file)
    return files


def _files(file: Path, names: list[str]) -> list[Path]:
    """The file for the first name, and for each further one a file beside it: report.csv, report-parts.csv."""
    return [file if number == 0 else file.with_stem(f"{file.stem}-{name}") for number, name in enumerate(names)]
