"""The command `teach`: what learners and course authors run in a terminal."""

from cyclopts import App, Group

from server.commands.teach import authoring, learning, own_model

LEARNERS, AUTHORS = Group("For learners", sort_key=1), Group("For authors", sort_key=2)

teach = App(
    name="teach",
    help="Commands for learners and course authors. Lessons and hints come from your agent: "
    "ask it to teach you.",
)
for command in (
    learning.check,
    learning.progress,
    learning.picture,
    learning.export,
    own_model.own,
):
    teach.command(command, group=LEARNERS)
teach.command(learning.import_, name="import", group=LEARNERS)
for tool in (authoring.lint, authoring.coverage, authoring.mutate, authoring.audit):
    teach.command(tool, group=AUTHORS)
teach.command(learning.replay, group=AUTHORS)
