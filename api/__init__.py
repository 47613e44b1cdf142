"""The REST API, compatible with Cinder's terms and wire format."""
