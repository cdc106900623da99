"""Everything that starts git: the lab's own repository and the user's, which is only read."""
