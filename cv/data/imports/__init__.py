"""A user's own labelled photos: one reader per export format, one writer of source folders."""
