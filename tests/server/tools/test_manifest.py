"""What a client is told before it calls anything: tools, their cost, annotations, resources."""

import json

import pytest

from tests.server.conftest import call

pytestmark = pytest.mark.anyio
RESEARCH = [
    "open_lab",
    "propose_patch",
    "run_training",
    "check_run",
    "stop_run",
    "evaluate_metric",
    "conclude_experiment",
    "recall_experiments",
]
TEACHING = ["start_lesson", "get_hint", "show_progress", "submit_exercise"]
SCALING = "fit_scaling"
OF_BOTH = "explain_code_section"
READ_ONLY = {"check_run", "recall_experiments", "explain_code_section", "show_progress"}
OF_ANY_FORM = {
    "explain_code_section",
    "submit_exercise",
    "fit_scaling",
}  # they declare no schema of their results
MOST_BYTES = {"all": 12_000, "research": 8_000, "teach": 8_000}
MOST_TOOLS = 14


@pytest.fixture(params=["auto", "legacy"])
def mode(request):
    """Both protocol eras in the quick tests too: of every module, this one has the most to say."""
    return request.param


@pytest.mark.slow
async def test_research_comes_in_the_order_of_the_loop_and_teaching_after_it(connect, lab):
    async with connect(lab) as client:
        names = [tool.name for tool in await client.list_tools()]
    assert names == [*RESEARCH, SCALING, OF_BOTH, *TEACHING]
    assert len(names) <= MOST_TOOLS


@pytest.mark.slow
@pytest.mark.parametrize("toolset", MOST_BYTES)
async def test_names_descriptions_and_input_schemas_stay_within_their_bytes(connect, lab, toolset):
    async with connect(lab, toolset=toolset) as client:
        tools = await client.list_tools()
    shown = [[tool.name, tool.description, tool.input_schema] for tool in tools]
    cost = len(json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode())
    assert cost <= MOST_BYTES[toolset]


@pytest.mark.slow
async def test_no_schema_carries_a_title_or_an_undescribed_tool(connect, lab):
    async with connect(lab) as client:
        tools = await client.list_tools()
    for tool in tools:
        assert tool.description
        assert '"title": "' not in json.dumps([tool.input_schema, tool.output_schema])
        if tool.name in OF_ANY_FORM:
            assert tool.output_schema is None
        else:
            assert {"summary", "next_step"} <= set(tool.output_schema["required"])


async def test_every_tool_says_whether_it_reads_destroys_or_repeats_safely(connect, lab):
    async with connect(lab) as client:
        tools = {tool.name: tool.annotations for tool in await client.list_tools()}
    assert {name for name, hints in tools.items() if hints.read_only_hint} == READ_ONLY
    assert {name for name, hints in tools.items() if hints.destructive_hint} == {"stop_run"}
    for hints in tools.values():
        assert hints.open_world_hint is False
        assert hints.idempotent_hint is not None
        assert hints.title


async def test_one_name_means_one_thing_in_every_tool(connect, lab):
    async with connect(lab) as client:
        tools = await client.list_tools()
    seen: dict[str, set[str]] = {}
    for tool in tools:
        for name, schema in tool.input_schema["properties"].items():
            seen.setdefault(name, set()).add(schema.get("type", "nullable"))
    assert {name: kinds for name, kinds in seen.items() if len(kinds) > 1} == {}


async def test_resources_give_what_is_long(connect, lab):
    async with connect(lab) as client:
        templates = {one.uri_template for one in await client.list_resource_templates()}
        ledger = (await client.read_resource("lab://fake/ledger"))[0].text
        curve = (await client.read_resource("lab://fake/runs/e2-r1/curve"))[0].text
        texts = [
            (await client.read_resource(f"lab://fake/{rest}"))[0].text
            for rest in ("contract", "brief", "experiments/e2/diff", "runs/e2-r1/log")
        ]
    assert len(templates) == 7
    assert json.loads(ledger)["event"]["target"] == "fake"
    assert json.loads(curve.splitlines()[0]) == {"at": 0.0, "loss": 3.0}
    assert [text.splitlines()[0] for text in texts] == [
        "[target]",
        "Look at the optimiser.",
        "--- a/train.py",
        "step 1",
    ]


async def test_the_prompt_sets_an_agent_going_and_the_instructions_hold_the_loop(connect, lab):
    async with connect(lab) as client:
        prompt = await client.get_prompt("research", {"goal": "look at the optimiser"})
        instructions = client.server_info and client.instructions
    text = prompt.messages[0].content.text
    assert 'open_lab(source="microgpt")' in text
    assert "look at the optimiser" in text
    for tool in ("propose_patch", "evaluate_metric", "conclude_experiment"):
        assert tool in instructions


async def test_the_arguments_of_prompts_are_described_in_plain_words(connect, lab):
    async with connect(lab) as client:
        arguments = [one for prompt in await client.list_prompts() for one in prompt.arguments]
        descriptions = [prompt.description for prompt in await client.list_prompts()]
    assert {one.name for one in arguments} == {"source", "goal", "course", "wish"}
    for one in arguments:
        assert one.description
        assert "schema" not in one.description.lower()
        assert "{" not in one.description
        assert not one.required
    assert not any("Args" in description for description in descriptions)


@pytest.mark.slow
async def test_the_server_names_the_products_version(connect, lab):
    from server.version import product_version

    async with connect(lab) as client:
        await call(client, "open_lab")
        assert client.server_info.name == "autoresearch"
        assert client.server_info.version == product_version()
