"""Service templates against a real API server."""
