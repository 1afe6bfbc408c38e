"""Scores → files and the terminal."""
