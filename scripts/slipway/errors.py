"""Exit codes and the one exception that reaches the user."""

import enum


class ExitCode(enum.IntEnum):
    """What every command ends with; one table for all of them (docs/reference/exit-codes.md)."""

    PASSED = 0
    RED = 1  # a gate found something
    USAGE = 2  # options or configuration
    NOT_READY = 3  # engine, tool or network is missing
    BROKEN = 4  # a gate could not be trusted
    DEPLOY_FAILED = 5  # the old version runs: kept or rolled back
    NEEDS_HUMAN = 6
    TIMED_OUT = 7
    SUPERSEDED = 8
    INTERRUPTED = 130


class SlipwayError(Exception):
    """Something that the user can fix: what happened, where, and what to do, in at most three lines."""

    code = ExitCode.RED


class UsageError(SlipwayError):
    """An option or a setting is wrong."""

    code = ExitCode.USAGE


class NotReady(SlipwayError):
    """This machine lacks something: an engine, a tool, a network, a free port."""

    code = ExitCode.NOT_READY


class Broken(SlipwayError):
    """A gate that proves nothing: its tool crashed or contradicts itself."""

    code = ExitCode.BROKEN
