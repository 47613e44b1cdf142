"""cgflow beside another service with the same API, driven by the same client in turns."""
