"""The nine tools on a fake lab, in memory, in both protocol eras."""

import json
from dataclasses import replace

import pytest
from fastmcp.utilities.types import Image
from inline_snapshot import snapshot

from autoresearch.records import Outcome, Prediction, Proposer
from autoresearch.statistics.overfitting import Overfitting
from autoresearch.statistics.prediction_scores import PredictionScore
from autoresearch.verdicts.track_record import TrackRecord
from server.tools.answers import with_image
from server.views import next_steps
from server.views.trust import note, overfitting_words
from tests.server.conftest import call, refused
from tests.support.fake_lab import CRASHED, FINISHED, PAST, TAKEN_BACK, TIP, VERDICT, FakeLab

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # a server and a client each
EDIT = {"path": "train.py", "find": "LEARNING_RATE = 0.01", "replace": "LEARNING_RATE = 0.02"}


async def test_open_lab_without_arguments_opens_the_shipped_target(connect, lab):
    async with connect(lab) as client:
        seen = await call(client, "open_lab")
    assert seen["lab"] == "fake"
    assert seen["metric"] == {
        "name": "val_bpb",
        "unit": "bpb",
        "better": "lower",
        "scoring": "sealed",
    }
    assert seen["summary"] == snapshot(
        "fake: incumbent e0 at 2.9051 bpb ±0.005 over 4 runs; 3 verdicts (1 keep, 2 discard), "
        "0 open, 0 runs in progress. Runs were UNSANDBOXED."
    )
    assert seen["untouched"] == ["train.py:30-41 schedule"]
    assert seen["devices"] == "gpu-0 Fake 8G, leased; cpu-0 to cpu-3, 1 of 4 leased"
    assert "explain_code_section" in seen["next_step"]
    assert "train.py:30-41" in seen["next_step"]


async def test_open_lab_points_at_what_is_unfinished_first(connect, lab):
    lab.open_experiments = ("e7",)
    async with connect(lab) as client:
        assert 'evaluate_metric(experiment="e7"' in (await call(client, "open_lab"))["next_step"]
    lab.open_experiments = ()
    lab.recent = (replace(PAST, lesson=""),)
    async with connect(lab) as client:
        seen = await call(client, "open_lab")
    assert 'conclude_experiment(experiment="e1"' in seen["next_step"]


async def test_open_lab_lets_the_agent_work_while_the_baseline_is_measured(connect, lab):
    lab.tip = replace(TIP, mean=None, low=None, high=None, sigma=None, runs=0)
    async with connect(lab) as client:
        seen = await call(client, "open_lab")
    assert 'evaluate_metric(experiment="e0", wait_s=45)' in seen["next_step"]
    assert "explain_code_section" in seen["next_step"]
    assert "run_training" in seen["next_step"]
    assert seen["summary"] == snapshot(
        "fake: incumbent e0, not measured yet; 3 verdicts (1 keep, 2 discard), 0 open, "
        "0 runs in progress. Runs were UNSANDBOXED."
    )
    assert "mean" not in seen["incumbent"]


async def test_propose_patch_records_prediction_client_and_model(connect, lab):
    async with connect(lab) as client:
        seen = await call(
            client,
            "propose_patch",
            hypothesis="a higher rate learns faster in few steps",
            edits=[EDIT],
            predicted_effect=0.02,
            confidence=0.6,
            model="some-model",
        )
    assert seen["experiment"] == "e2"
    assert seen["files"] == [{"path": "train.py", "added": 1, "removed": 1, "lines": ["12-12"]}]
    assert 'run_training(experiment="e2"' in seen["next_step"]
    assert lab.predictions == [Prediction(effect=0.02, confidence=0.6)]
    assert lab.proposers == [
        Proposer(client="test-client", client_version="1.2.3", model="some-model")
    ]


async def test_propose_patch_without_a_prediction_asks_for_one_next_time(connect, lab):
    lab.similar = (PAST,)
    async with connect(lab) as client:
        seen = await call(client, "propose_patch", hypothesis="h", diff="--- a\n+++ b\n")
    assert next_steps.PREDICT in seen["next_step"]
    assert "e1" in seen["next_step"]
    assert seen["similar"][0]["lesson"] == "0.05 diverges"


async def test_near_misses_are_stacked_by_their_ids(connect, lab):
    lab.stackable = ("e3", "e7")
    async with connect(lab) as client:
        opened = await call(client, "open_lab")
        seen = await call(client, "propose_patch", hypothesis="h", stack=["e3", "e7"])
        concluded = await call(client, "conclude_experiment", experiment="e2", lesson="l")
    assert opened["stackable"] == ["e3", "e7"]
    assert 'propose_patch(hypothesis=…, stack=["e3", "e7"])' in opened["next_step"]
    assert 'stack=["e3", "e7"]' in concluded["next_step"]
    assert lab.stacks == [("e3", "e7")]
    assert "e3, e7" in seen["summary"]


async def test_a_keep_that_was_taken_back_is_told_wherever_the_agent_looks(connect, lab):
    lab.tip = replace(TIP, instead_of="e5")
    lab.taken_back = (TAKEN_BACK,)
    past = (
        replace(PAST, experiment="e5", outcome=Outcome.KEEP, taken_back=True),
        replace(PAST, experiment="e6", built_on_taken_back="e5"),
    )
    lab.recent = past
    async with connect(lab) as client:
        opened = await call(client, "open_lab")
        recalled = await call(client, "recall_experiments")
        concluded = await call(client, "conclude_experiment", experiment="e2", lesson="l")
    assert opened["taken_back"] == [f"e5 on e0: {TAKEN_BACK.sentence}"]
    news = next_steps.reversal_news(lab.tip)
    assert "e5" in news
    assert "e0" in news
    for step in (opened["next_step"], concluded["next_step"]):
        assert step.startswith(news)
    assert "e5" in opened["summary"]
    assert [one["note"] for one in recalled["experiments"]] == [
        note(True, None),
        note(False, "e5"),
    ]


async def test_evaluating_a_keep_that_was_taken_back_says_so(connect):
    lab = FakeLab(looks=0, changes={"taken_back": TAKEN_BACK})
    async with connect(lab) as client:
        seen = await call(client, "evaluate_metric", experiment="e2")
    assert TAKEN_BACK.sentence in seen["summary"]
    assert seen["note"] == note(True, None)
    assert "conclude_experiment" in seen["next_step"]


async def test_open_lab_says_how_far_the_lab_can_be_trusted(connect, lab):
    lab.record = TrackRecord(
        candidates=14,
        false_keeps=0.0213,
        overfitting=Overfitting(
            keeps=2,
            claimed=0.03,
            spare=0.02,
            spare_low=0.01,
            spare_high=0.03,
            excess=0.01,
            low=-0.001,
            high=0.021,
        ),
        taste={
            "some-client": PredictionScore(scored=3, brier=0.1, log_score=-1.2, know_nothing=-1.7)
        },
    )
    async with connect(lab) as client:
        trust = (await call(client, "open_lab"))["trust"]
    assert trust["false_keeps"] == snapshot(
        "at most 0.021 false keeps are expected among 14 candidates judged, at the worst noise "
        "that was simulated, since this lab's is not known to be normal"
    )
    assert trust["overfitting"] == snapshot(
        "2 keeps claimed +0.0300 bpb on the judged part; on a spare part that no verdict used "
        "+0.0200 (95 % +0.0100 to +0.0300): +0.0100 (95 % -0.0010 to +0.0210) apart, but it takes "
        "3 keeps to show overfitting"
    )
    assert trust["predictions"] == snapshot(
        [
            "some-client: 3 predictions scored, Brier 0.10 (a coin: 0.25, lower is better), "
            "log score -1.20 (knowing nothing: -1.70, higher is better)"
        ]
    )


@pytest.mark.parametrize(
    ("keeps", "low", "said"),
    [
        (
            2,
            0.002,
            snapshot(
                "2 keeps claimed +0.0300 bpb on the judged part; on a spare part that no "
                "verdict used +0.0200 (95 % +0.0100 to +0.0300): +0.0100 (95 % +0.0020 "
                "to +0.0210) apart, but it takes 3 keeps to show overfitting"
            ),
        ),
        (
            3,
            0.002,
            snapshot(
                "3 keeps claimed +0.0300 bpb on the judged part; on a spare part that no "
                "verdict used +0.0200 (95 % +0.0100 to +0.0300): selection has "
                "overfitted by +0.0100 (95 % +0.0020 to +0.0210)"
            ),
        ),
        (
            3,
            -0.002,
            snapshot(
                "3 keeps claimed +0.0300 bpb on the judged part; on a spare part that no "
                "verdict used +0.0200 (95 % +0.0100 to +0.0300): +0.0100 (95 % -0.0020 "
                "to +0.0210) apart, so no overfitting is shown"
            ),
        ),
    ],
)
def test_overfitting_is_claimed_only_where_the_keeps_can_tell_it(keeps, low, said):
    found = Overfitting(
        keeps=keeps,
        claimed=0.03,
        spare=0.02,
        spare_low=0.01,
        spare_high=0.03,
        excess=0.01,
        low=low,
        high=0.021,
    )
    assert overfitting_words(found, "bpb", sigma=0.004) == said


async def test_every_result_with_a_score_names_its_sandbox_and_says_unsandboxed_loudly(connect):
    for name, loud in (("unsandboxed", True), ("bubblewrap", False)):
        lab = FakeLab(run_ends=replace(FINISHED, sandbox=name), changes={"sandbox": name})
        lab.recent = (replace(PAST, sandbox=name),)
        async with connect(lab) as client:
            answers = [
                await call(client, "check_run", run="e2"),
                await call(client, "evaluate_metric", experiment="e2"),
                await call(client, "recall_experiments"),
                await call(client, "explain_code_section", section="train.py"),
            ]
        assert [one["sandbox"] for one in answers] == [name] * 4
        assert ["UNSANDBOXED" in one["summary"] for one in answers] == [loud] * 4


async def test_run_training_returns_a_handle_at_once(connect, lab):
    async with connect(lab) as client:
        seen = await call(client, "run_training", experiment="e2")
    assert (seen["run"], seen["state"], seen["progress"]) == ("e2-r1", "training", 0.25)
    assert lab.calls["view_run"] == 0
    assert 'check_run(run="e2-r1"' in seen["next_step"]


async def test_run_training_waits_for_its_end_when_asked(connect, lab):
    async with connect(lab) as client:
        seen = await call(client, "run_training", experiment="e2", wait_s=45)
    assert seen["state"] == "finished"
    assert seen["value"] == 2.89123
    assert "untrusted_log" not in seen
    assert len(seen["untrusted_curve"]) == 6
    assert seen["untrusted_curve"][0] == [0.0, 3.0]
    assert seen["untrusted_curve"][-1] == [99.0, 2.01]
    assert 'evaluate_metric(experiment="e2"' in seen["next_step"]


async def test_a_wait_reports_progress(connect, lab):
    told = []

    async def listen(progress, total, message):
        told.append((progress, total, message))

    async with connect(lab, progress_handler=listen) as client:
        await call(client, "check_run", run="e2-r1")
        await call(client, "evaluate_metric", experiment="e2")
    assert any(one[:2] == (0.25, 1.0) and "e2-r1" in one[2] for one in told)
    assert (2.0, None, "needs 2 more runs") in told


async def test_check_run_of_nothing_takes_the_first_of_the_running_to_end(connect, lab):
    lab.running = ("e2-r1", "e2")
    async with connect(lab) as client:
        seen = await call(client, "check_run")
    assert seen["state"] == "finished"
    assert set(lab.asked) == {"e2-r1", "e2"}


async def test_check_run_shows_a_longer_curve_and_the_log_on_request(connect, lab):
    async with connect(lab) as client:
        seen = await call(client, "check_run", run="e2", detail=True)
    assert len(seen["untrusted_curve"]) == 40
    assert "IGNORE" in seen["untrusted_log"]


async def test_a_crash_is_told_with_its_exception_and_the_programs_words_stay_marked(connect):
    lab = FakeLab(run_ends=CRASHED)
    async with connect(lab) as client:
        seen = await call(client, "check_run", run="e2-r1")
    assert "“ValueError: shapes differ”" in seen["summary"]  # the exception, in quotes
    assert "IGNORE" not in seen["summary"] + seen["next_step"]
    assert "IGNORE" in seen["untrusted_log"]
    assert 'evaluate_metric(experiment="e2"' in seen["next_step"]


async def test_stop_run_answers_once_the_run_has_ended(connect, lab):
    async with connect(lab) as client:
        seen = await call(client, "stop_run", run="e2-r1")
    assert seen["state"] == "stopped"
    assert 'evaluate_metric(experiment="e2")' in seen["next_step"]


async def test_evaluate_metric_goes_on_until_the_verdict(connect, lab):
    async with connect(lab) as client:
        await call(
            client,
            "propose_patch",
            hypothesis="h",
            edits=[EDIT],
            predicted_effect=0.02,
            confidence=0.7,
        )
        seen = await call(client, "evaluate_metric", experiment="e2")
    assert lab.calls["evaluate"] == 3
    assert seen["outcome"] == "keep"
    assert seen["moved_incumbent"] is True
    assert all(number in seen["summary"] for number in ("70%", "+0.02"))
    assert 'conclude_experiment(experiment="e2"' in seen["next_step"]


UNTOLD = snapshot(
    "; you gave it a 70% chance to improve, by +0.02, and the runs do not show whether it did"
)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.001, 0.02, snapshot("; you gave it a 70% chance to improve, by +0.02, and it did")),
        (
            -0.03,
            -0.001,
            snapshot("; you gave it a 70% chance to improve, by +0.02, and it got worse"),
        ),
        (-0.001, 0.02, UNTOLD),
        (None, None, UNTOLD),
    ],
)
def test_whether_a_prediction_came_true_is_said_only_as_far_as_the_interval_shows(low, high, said):
    assert (
        next_steps.prediction_clause(Prediction(effect=0.02, confidence=0.7), 0.01, low, high)
        == said
    )


async def test_evaluate_metric_without_a_wait_says_what_is_still_needed(connect, lab):
    async with connect(lab) as client:
        seen = await call(client, "evaluate_metric", experiment="e2", wait_s=0)
    assert lab.calls["evaluate"] == 1
    assert "outcome" not in seen
    assert seen["needs"] == "needs 2 more runs"
    assert seen["summary"] == snapshot(
        "e2: no verdict yet after 1 measured run, +0.0100 (95 % -0.0100 to +0.0300); "
        "1 run in progress; needs 2 more runs. Runs were UNSANDBOXED."
    )
    assert 'evaluate_metric(experiment="e2", wait_s=45)' in seen["next_step"]


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_every_verdict_leads_to_a_lesson_and_every_lesson_to_another_patch(connect, outcome):
    lab = FakeLab(looks=0, verdict=replace(VERDICT, outcome=outcome))
    async with connect(lab) as client:
        judged = await call(client, "evaluate_metric", experiment="e2")
        concluded = await call(client, "conclude_experiment", experiment="e2", lesson="so it is")
    assert "conclude_experiment" in judged["next_step"]
    assert "propose_patch" in concluded["next_step"]
    assert concluded["lesson"] == "so it is"
    assert lab.proposers[-1].client == "test-client"


async def test_recall_experiments_passes_its_question_on(connect, lab):
    async with connect(lab) as client:
        seen = await call(
            client,
            "recall_experiments",
            words="rate",
            path="train.py",
            lines="10-20",
            outcome="discard",
            limit=3,
        )
    assert lab.asked == [("rate", "train.py", (10, 20), Outcome.DISCARD, 3)]
    assert seen["summary"] == snapshot("1 matching experiment (1 discard). Runs were UNSANDBOXED.")
    assert seen["experiments"][0]["effect"] == -0.02135
    assert seen["experiments"][0]["touched"] == ["train.py:12-12"]


async def test_recall_experiments_of_nothing_says_that_it_is_new(connect, lab):
    lab.recent = ()
    async with connect(lab) as client:
        seen = await call(client, "recall_experiments", words="rotary")
    assert seen["experiments"] == []
    assert "propose_patch" in seen["next_step"]


async def test_explain_code_section_gives_code_knobs_and_what_was_tried(connect, lab):
    async with connect(lab) as client:
        await call(client, "open_lab")
        seen = await call(client, "explain_code_section", section="LEARNING_RATE")
    assert seen["code"] == "12  LEARNING_RATE = 0.01"
    assert seen["knobs"] == [
        {"name": "LEARNING_RATE", "line": 12, "value": "0.01", "low": 0.0001, "high": 0.1}
    ]
    assert seen["within"] == ["module train 1-120"]
    assert seen["summary"] == snapshot(
        "train.py:12-12 of 120 lines, editable, 1 knob, 1 experiment on these lines, "
        "best effect -0.0213. Runs were UNSANDBOXED. From the lab fake; `example` asks for "
        "LEARNING_RATE of the course's gpt.py."
    )
    assert "propose_patch" in seen["next_step"]


async def explained(client, section, **more):
    """An answer's summary and, of the course's, its code."""
    seen = await call(client, "explain_code_section", section=section, **more)
    return seen["summary"], seen["code"]


@pytest.mark.long
async def test_with_a_lab_in_use_the_lookup_says_which_file_it_took_and_how_to_ask_for_the_other(
    connect, lab
):
    async with connect(lab) as client:
        summary, code = await explained(client, "softmax")
        assert "def softmax" in code
        await call(client, "open_lab")
        summary, code = await explained(client, "softmax")
        assert "LEARNING_RATE" in code
        assert "From the lab fake" in summary
        assert "`example`" in summary
        summary, code = await explained(client, "softmax", example="ada")
        assert "def softmax" in code
        assert "`lab`" in summary
        summary, code = await explained(client, "gpt.py:101-110")  # the lab has no such file
        assert "`lab`" in summary
        summary, _ = await explained(client, "LEARNING_RATE", lab="fake")
        assert "`example`" not in summary


@pytest.mark.parametrize("lab_open", [False, True])
async def test_no_argument_of_explain_code_section_is_ignored(connect, lab, lab_open):
    tool = "explain_code_section"
    async with connect(lab) as client:
        if lab_open:
            await call(client, "open_lab")
        for more in ({"example": "ada"}, {"picture": "loss"}):
            said = await refused(client, tool, section="train.py:1-9", **more)
            assert said.code == f"arguments.{next(iter(more))}"
            said = await refused(client, tool, section="softmax", lab="fake", **more)
            assert said.code == "arguments.one_of"


async def test_what_neither_side_has_is_refused_by_the_lab(connect, lab):
    async with connect(lab) as client:
        await call(client, "open_lab")
        said = await refused(client, "explain_code_section", section="nowhere")
    assert said.kind == "not_found"


async def test_a_chart_comes_with_its_words_and_without_structured_content(tmp_path):
    chart = tmp_path / "chart.png"
    chart.write_bytes(b"\x89PNG")
    with_chart = with_image({"summary": "s"}, Image(path=chart))
    assert [part.type for part in with_chart.content] == ["text", "image"]
    assert json.loads(with_chart.content[0].text) == {"summary": "s"}
    assert with_chart.structured_content is None
    assert with_image({"summary": "s"}, None).structured_content == {"summary": "s"}


async def test_without_scipy_fit_scaling_says_what_brings_it(connect, lab, monkeypatch):
    monkeypatch.setattr("server.tools.scaling.find_spec", lambda name: None)
    async with connect(lab) as client:
        said = await refused(client, "fit_scaling", experiment="e2")
    assert said.code == "lab_error.no_scipy"
    assert "[scaling]" in said


async def test_answers_name_the_resources_that_hold_more_and_each_can_be_read(connect, lab):
    async with connect(lab) as client:
        answers = [
            await call(client, "open_lab"),
            await call(client, "propose_patch", hypothesis="h", diff="--- a\n"),
            await call(client, "check_run", run="e2-r1", wait_s=0),
            await call(client, "evaluate_metric", experiment="e2", wait_s=0),
            await call(client, "recall_experiments"),
        ]
        for answer in answers:
            assert answer["resources"]
            for address in answer["resources"]:
                assert await client.read_resource(address)


async def test_no_result_tells_the_agent_to_stop(connect, lab):
    async with connect(lab) as client:
        steps = [
            (await call(client, "open_lab"))["next_step"],
            (await call(client, "evaluate_metric", experiment="e2"))["next_step"],
            (await call(client, "conclude_experiment", experiment="e2", lesson="l"))["next_step"],
        ]
    assert not any(word in step for step in steps for word in ("stop", "done", "ask the user"))
