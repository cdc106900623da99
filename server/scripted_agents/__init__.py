"""Agents without a language model: the demo's researcher, and one that cheats the teacher."""
