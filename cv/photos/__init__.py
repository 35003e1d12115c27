"""Triage of citizens' photos: quality, likeness to earlier ones, suggestions, and their store."""
