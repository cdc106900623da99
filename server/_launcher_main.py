"""`python -m autoresearch_mcp`, for children that must not depend on a script's path."""

from autoresearch_mcp import main

if __name__ == "__main__":  # a child of multiprocessing imports this module too
    main()
