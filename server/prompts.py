"""The prompt that sets an agent going. Nothing that matters is only in here."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field


def add_prompts(server: FastMCP) -> None:
    """Register the prompts."""

    @server.prompt(title="Research")
    def research(
        source: Annotated[
            str, Field(description="a shipped target, a lab's name, or a repository's path")
        ] = "microgpt",
        goal: Annotated[str, Field(description="where to look, in your own words")] = "",
    ) -> str:
        """Research a target until you are stopped."""
        wish = f"\nThe user wishes: {goal}" if goal else ""
        return (
            f'Open the lab with open_lab(source="{source}") and improve its metric by experiments '
            "until the user stops you." + wish + "\n"
            "Measure the baseline first. For each experiment: read the code and the lessons that "
            "bear on it, change one thing, predict effect and confidence before it runs, bring it "
            "to a verdict, write down what it taught, and go on with the next. Follow each "
            "result's next_step where you have no better idea. Prefer small and simple changes; "
            "a gain that is smaller than the noise is not a gain. Do not ask whether to go on."
        )
