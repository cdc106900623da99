"""The MCP surface: tools, resources and prompts."""
