"""Pages and API over ASGI."""
