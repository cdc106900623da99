"""The prompts that set an agent going. Nothing that matters is only in here.

Arguments are plain `str`, described in the docstring: to any other annotation FastMCP appends a
JSON schema, which a client shows to its user.
"""

from fastmcp import FastMCP


def add_prompts(server: FastMCP, *, research: bool = True, teach: bool = True) -> None:
    """Register the prompts of the toolsets that are served."""
    if research:
        _add_research(server)
    if teach:
        _add_teach(server)


def _add_teach(server: FastMCP) -> None:
    @server.prompt(title="Teach")
    def teach(course: str = "microgpt", wish: str = "") -> str:
        """Teach the user how a GPT works, at their pace.

        Args:
            course: a shipped course, or your own
            wish: language, pace, what they already know
        """
        said = f"\nWhat the user asks for: {wish}" if wish else ""
        return (
            f'Teach me with start_lesson(course="{course}").' + said + "\n"
            "Ask what I know and in which language I'd like to be taught. Reviews that are due "
            "come first. One idea at a time: ask what I expect, then explain, then let me try. I "
            "type in the workbook myself. Appreciate good work, say plainly when an idea is "
            "wrong, and praise only what praise_only_for says."
        )


def _add_research(server: FastMCP) -> None:
    @server.prompt(title="Research")
    def research(source: str = "microgpt", goal: str = "") -> str:
        """Research a target until it is done or you are stopped.

        Args:
            source: a shipped target, a lab's name, or a repository's path
            goal: where to look, in your own words
        """
        wish = f"\nWhat the user asks for: {goal}" if goal else ""
        return (
            f'Open the lab with open_lab(source="{source}") and improve its metric by experiments '
            "until the user stops you or a next_step says that it is done." + wish + "\n"
            "Measure the baseline first. For each experiment: read the code and the lessons that "
            "bear on it, change one thing, predict effect and confidence before it runs, bring it "
            "to a verdict, record the lesson, and continue with the next. Follow each "
            "result's next_step unless you have a better idea. Prefer small and simple changes; "
            "a gain that is smaller than the noise is not a gain. Do not ask whether to continue."
        )
