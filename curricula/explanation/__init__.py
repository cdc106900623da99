"""Explain the taught file: traced values, statements, pictures."""
