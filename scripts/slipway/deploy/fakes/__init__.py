"""Platforms on this machine, for demonstrations and tests: they speak as Render and Railway do, and really run things.

They are written from the platforms' published contracts and from recorded answers; the tests hold every request and
every answer to those. Whether the platforms behave so in all else is not known: see docs/not-run-live.md.
"""
