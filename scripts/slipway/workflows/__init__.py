"""Reads workflow files, and says what GitHub would refuse in them, or silently do otherwise, before the push."""
