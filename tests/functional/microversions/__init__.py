"""Tests of each microversion's change in Cinder, requested from the served API."""
