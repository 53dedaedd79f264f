"""The report of an evaluation: its public form, and one HTML file that opens offline."""

from evaluation.report.page import html
from evaluation.report.publication import public

__all__ = ["html", "public"]
