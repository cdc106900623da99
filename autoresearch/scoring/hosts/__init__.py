"""Programs that run researched code alone in a sandbox; started as text, never imported."""
