"""Labelled photos: imported, checked, built into one data set, composed for rare labels."""
