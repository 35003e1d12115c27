"""Unmasked originals, the log of who saw them, and their deletion in time."""
