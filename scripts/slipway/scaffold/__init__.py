"""Adopting Slipway: looks at a repository, writes the least that makes the pipeline run, brings later versions in."""
