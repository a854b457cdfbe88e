"""HTML of which no part can be markup by accident: the only way to write any is a constant template whose gaps are
escaped. `Markup` is MarkupSafe's; ruff's S704 and tests/kit/house see that nothing else is made one."""

from collections.abc import Iterable
from typing import LiteralString

from markupsafe import Markup

from slipway.report.text import plain

EMPTY = Markup("")


def html(template: LiteralString, *values: object, **named: object) -> Markup:
    """Fill a template: markup stays, all else is escaped and does nothing to who reads it."""
    shown = {name: _shown(value) for name, value in named.items()}
    return Markup(template).format(*map(_shown, values), **shown)  # noqa: S704


def join(parts: Iterable[Markup]) -> Markup:
    """One after the other."""
    return EMPTY.join(parts)


def _shown(value: object) -> object:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
