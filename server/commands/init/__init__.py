"""`init`: open a lab on any repository, with questions where something can't be known."""
