"""The web room: a small HTTP/1.1 server with pages and routes on top; does not know how probes work."""
