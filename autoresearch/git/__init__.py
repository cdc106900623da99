"""Git: the lab's own repository, and the user's, which is only read. Only this room starts git."""
