"""Who may use the photo service."""
