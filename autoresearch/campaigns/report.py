"""The report of a campaign, from the ledger alone: what was kept, what it cost, how it ended."""

from jinja2 import Environment, StrictUndefined

from autoresearch.campaigns.budget import used
from autoresearch.campaigns.settings import CampaignFolder, shown_agent
from autoresearch.common.files import replace_file
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_state import CampaignState
from autoresearch.ledger.history import History
from autoresearch.loop.incumbent import incumbent_view
from autoresearch.records import Experiment
from autoresearch.verdicts.evidence import controls_of, measured, values

NAME = "report.md"
TEMPLATE = """\
# Campaign {{ campaign.name }} on {{ lab }}

{{ ending }}

- {{ kept | length }} kept of {{ spent.experiments }} proposed; {{ spent.runs }} runs, \
{{ '%.1f' % spent.device_hours }} device hours in {{ '%.1f' % spent.hours }} hours of work.
- {{ metric.name }}: {{ before }} before, {{ after }} now, {{ who }}.
{%- if spent.tokens %}
- Agents used {{ '{:,}'.format(spent.tokens) }} tokens{% if spent.money %}, about \
{{ '%.2f' % spent.money }} US dollars{% endif %}.
{%- endif %}

## Kept

{% for one in kept -%}
- **{{ one.id }}** {{ one.hypothesis }} ({{ one.proposer.worker or one.proposer.client }}): \
{{ verdicts[one.id].sentence }}
{% else -%}
Nothing.
{% endfor %}
## Not kept

{% for one in rest -%}
- {{ one.id }} {{ one.hypothesis }}: \
{{ verdicts[one.id].sentence if one.id in verdicts else 'no verdict' }}
{% else -%}
Nothing.
{% endfor %}
## Workers

{% for line in workers -%}
- {{ line }}
{% endfor %}
{%- if told %}
## What you said

{% for words in told -%}
- {{ words }}
{% endfor %}
{%- endif %}
Next: `autoresearch-mcp finalize --lab {{ lab }}` drops what only looked good and writes a branch.
"""


def report_text(lab: Lab, campaign: CampaignState, worked_s: float) -> str:
    """Return the report as markdown."""
    history = lab.history()
    mine = history.proposed_in(campaign)
    kept = [e for e in mine if e.id in history.kept]
    metric = lab.contract.metric
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - markdown
    return environment.from_string(TEMPLATE).render(
        campaign=campaign,
        lab=lab.name,
        ending=campaign.ended.event.sentence if campaign.ended else "It goes on.",
        spent=used(history, campaign, worked_s),
        kept=kept,
        rest=[e for e in mine if e not in kept],
        verdicts=history.verdicts,
        metric=metric,
        who=metric.provenance,
        before=_mean(lab, history, _tip_before(history, campaign, kept)),
        after=_mean(lab, history, history.kept[-1]),
        workers=[_worker(history, campaign, worker.name) for worker in campaign.started.workers],
        told=campaign.told,
    )


def write_report(lab: Lab, folder: CampaignFolder, campaign: str, worked_s: float) -> None:
    """Write the report into the campaign's folder."""
    text = report_text(lab, lab.history().campaigns[campaign], worked_s)
    replace_file(folder.path / NAME, text.encode())


def _tip_before(history: History, campaign: CampaignState, kept: list[Experiment]) -> str:
    """Return what was the incumbent when the campaign began."""
    ours = {experiment.id for experiment in history.proposed_in(campaign)}
    return next(name for name in reversed(history.kept) if name not in ours or not kept)


def _mean(lab: Lab, history: History, experiment: str) -> str:
    if experiment == history.kept[-1]:
        view = incumbent_view(history, lab.contract)
        if view.mean is None:
            return "not measured"
        spread = f" [{view.low:.6g}, {view.high:.6g}]" if view.low is not None else ""
        return f"{view.mean:.6g}{spread} ({experiment})"
    found = values(history, controls_of(history, experiment) or measured(history, experiment))
    return f"{sum(found) / len(found):.6g} ({experiment})" if found else "not measured"


def _worker(history: History, campaign: CampaignState, name: str) -> str:
    worker = next(one for one in campaign.started.workers if one.name == name)
    mine = f"{campaign.name}/{name}"
    count = sum(e.proposer.worker == mine for e in history.proposed_in(campaign))
    ends, gone = campaign.ends_of(name), campaign.retirement(name)
    last = f"; {gone}" if gone else f"; last: {ends[-1].sentence}" if ends else ""
    return (
        f"{name} ({shown_agent(worker.agent)}): {count} experiments, "
        f"{campaign.starts_of(name)} starts{last}"
    )
