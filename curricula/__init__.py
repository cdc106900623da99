"""The courses, and the small engine that serves and grades them."""
