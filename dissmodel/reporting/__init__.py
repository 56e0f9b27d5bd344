"""One HTML file that shows a run, a sweep, or the runs in a folder."""

from dissmodel.reporting.report import Report, ReportRequest, report, report_of_run

__all__ = ["Report", "ReportRequest", "report", "report_of_run"]
