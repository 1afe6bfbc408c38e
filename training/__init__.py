"""Labelled data → a model folder."""
