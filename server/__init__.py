"""The MCP server and the command line: thin, typed wrappers; no research or teaching logic."""
