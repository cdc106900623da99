"""The learner's own GPT, made into a target that the lab can open."""
