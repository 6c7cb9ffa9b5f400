"""A Report as a pandas DataFrame; the only file that imports pandas."""

from __future__ import annotations

from typing import Any

from cnncalc.analysis.report import Report
from cnncalc.errors import EnvironmentFailure


def of(report: Report) -> Any:
    """A row for each of the report's layers, indexed by path, with a column for everything that is known of it.

    Whole numbers are int64 where they fit, else Python's; what a layer has not is None.

    Raises:
        EnvironmentFailure: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise EnvironmentFailure("to_pandas needs pandas, which is not installed", hint="pip install pandas") from None
    columns = {name: [values[index] for index in report.counted] for name, values in report.columns.items()}
    return pandas.DataFrame(columns).set_index("path")
