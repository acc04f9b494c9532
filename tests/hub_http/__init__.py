"""The API and the pages over HTTP, on the real Hub and the real cluster."""
