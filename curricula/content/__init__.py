"""Courses as they lie on disk: lessons, exercises, instances, and the lines each lesson owns."""
