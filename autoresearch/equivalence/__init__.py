"""Code that is the same in other words: normal forms, fingerprints, near-duplicates. Pure."""
