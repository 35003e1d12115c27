"""Cases: documents, the database, and the outbox that brings them to receivers."""
