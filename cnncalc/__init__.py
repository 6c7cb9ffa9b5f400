"""cnncalc: layer sizes, parameters, MACs and memory of neural networks, each with the rule it was counted by.

    >>> import cnncalc
    >>> report = cnncalc.load("vgg16").analyze()
    >>> report.totals["params"]
    138357544

The public API and nothing else; what a name needs is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report, Row
    from cnncalc.check.session import check_specs
    from cnncalc.errors import (
        CnncalcError,
        EnvironmentFailure,
        ExpressionError,
        LimitError,
        Location,
        ShapeError,
        SpecError,
        SpecErrors,
        SpecNotFoundError,
        SpecSyntaxError,
        UsageError,
    )
    from cnncalc.network import Network, Spec, compare, diff, list_specs, load, read

_HOMES = {
    "load": "network",
    "read": "network",
    "compare": "network",
    "diff": "network",
    "list_specs": "network",
    "check_specs": "check.session",
    "Network": "network",
    "Spec": "network",
    "Report": "analysis.report",
    "Row": "analysis.report",
    "CnncalcError": "errors",
    "EnvironmentFailure": "errors",
    "ExpressionError": "errors",
    "LimitError": "errors",
    "Location": "errors",
    "ShapeError": "errors",
    "SpecError": "errors",
    "SpecErrors": "errors",
    "SpecNotFoundError": "errors",
    "SpecSyntaxError": "errors",
    "UsageError": "errors",
}

__all__ = [
    "CnncalcError",
    "EnvironmentFailure",
    "ExpressionError",
    "LimitError",
    "Location",
    "Network",
    "Report",
    "Row",
    "ShapeError",
    "Spec",
    "SpecError",
    "SpecErrors",
    "SpecNotFoundError",
    "SpecSyntaxError",
    "UsageError",
    "__version__",
    "check_specs",
    "compare",
    "diff",
    "list_specs",
    "load",
    "read",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cnncalc' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"cnncalc.{_HOMES[name]}"), name)


def rendered(function: str, *given: Any) -> Any:
    """Calls ``MODULE.FUNCTION`` of the room ``render``: how data below it gets a ``str`` without importing it."""
    from importlib import import_module

    module, _, name = function.partition(".")
    return getattr(import_module(f"cnncalc.render.{module}"), name)(*given)


def __dir__() -> list[str]:
    return list(__all__)
