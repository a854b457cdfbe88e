"""Slipway: a Dockerised Flask app from a commit to a verified deployment."""

__version__ = "1.0.0"
