"""The library and the command `kerbwatch`; docs/architecture.md says how it is laid out."""
