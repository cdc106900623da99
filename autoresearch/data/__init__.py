"""Data that the lab serves or holds back: documents, tokens, arrays, and how they are split."""
