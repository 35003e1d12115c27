"""The HTTP service: citizens' photos, cases, evidence; `create_app` in app.py builds it."""
