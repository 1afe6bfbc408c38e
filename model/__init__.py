"""Scoring: bytes → document → sentences → embeddings → heads → score."""
