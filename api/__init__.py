"""HTTP in, HTTP out: the REST service, with Cinder's words and wire."""
