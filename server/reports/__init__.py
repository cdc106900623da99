"""The report of a finished lab: a page of markdown, its charts."""
