"""The product's version, for everyone who states it."""

from importlib.metadata import PackageNotFoundError, version


def product_version() -> str:
    """Return the installed version, or "0" where the product runs uninstalled."""
    try:
        return version("autoresearch-mcp")
    except PackageNotFoundError:
        return "0"
