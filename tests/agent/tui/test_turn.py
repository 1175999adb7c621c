"""The one match from events to an answer and to how it stands."""

from __future__ import annotations

from agent.events import Citation, Failed, Status, Token, ToolCall, Usage
from agent.tui.turn import Standing, Turn, replay
from agent.tui.widgets.answer import Answer
from tests.agent.tui.shown import MARKDOWN, cited, done, restyled, rich_events, stored


def played(*events: object, standing: Standing | None = None) -> Turn:
    turn = Turn(Answer("q"), standing)
    for event in events:
        turn.show(event)  # type: ignore[arg-type]
    return turn


def test_an_answer_knows_its_text_its_citations_and_that_it_is_done() -> None:
    answer = played(*rich_events()).answer
    assert answer.text == MARKDOWN
    assert [citation.n for citation in answer.citations] == [1, 2]
    assert answer.done
    assert answer.plain == ""


def test_code_is_found_wherever_it_stands_and_without_its_fence() -> None:
    answer = played(Token("a\n\n```sh\nls\n```\n\n1. b\n   ```\n   x = 1\n   ```\n")).answer
    assert answer.code_blocks() == ["ls\n", "x = 1\n"]


def test_a_persona_leaves_the_plain_answer_beside_its_own() -> None:
    answer = played(*restyled()).answer
    assert answer.text == "Arr, drain yer housing afore frost [1]."
    assert answer.plain == "Drain the housing before frost [1]."


def test_usage_is_summed_up_and_the_context_is_what_the_last_call_filled() -> None:
    turn = played(Usage(100, 10, 50, 0.25, 0.5), Usage(300, 20, 100, 0.5, 0.25), done("x"))
    standing = turn.standing
    assert (standing.input_tokens, standing.output_tokens, standing.cached_tokens) == (400, 30, 150)
    assert standing.cost == 0.75
    assert standing.saved == 0.75
    assert standing.context_used == 320


def test_one_unknown_price_makes_the_sum_unknown() -> None:
    assert played(Usage(1, 1, 0, None), Usage(1, 1, 0, 0.5)).standing.cost is None


def test_the_router_s_choice_and_its_reason_stand_while_it_answers_and_after() -> None:
    turn = played(Status("cag: the library fits", stage="route"), standing=Standing(mode="auto"))
    assert (turn.standing.mode, turn.standing.route) == ("cag", "the library fits")
    turn.show(done("x", mode="cag", route="auto: the library fits"))
    assert (turn.standing.mode, turn.standing.route) == ("cag", "the library fits")
    assert turn.standing.state == "grounded"
    assert not turn.standing.running


def test_a_new_ask_counts_from_nothing_and_keeps_what_was_chosen() -> None:
    before = played(Usage(100, 10, 50, 0.25), done("x"), standing=Standing(queued=2)).standing
    after = Turn(Answer("q"), before).standing
    assert after.running
    assert (after.input_tokens, after.cost, after.seconds) == (0, 0.0, 0.0)
    assert (after.model, after.queued) == ("claude-sonnet-5", 2)


def test_what_was_left_before_its_end_says_so_and_its_call_does_not_go_on() -> None:
    turn = played(Token("So"), ToolCall("1", "search", {}))
    turn.leave()
    assert turn.answer.done
    assert turn.standing.state == "stopped"
    assert [step.state for step in turn.answer.steps.all] == ["failed"]
    turn.leave()
    assert turn.answer.text == "So"


def test_a_failure_keeps_what_was_said() -> None:
    turn = played(Token("So"), Failed("No key.", "export KEY=…"))
    assert turn.answer.done
    assert turn.answer.text == "So"
    assert turn.standing.state == "failed"


def test_a_stored_turn_is_shown_as_it_ended() -> None:
    (turn,) = stored(1, state="interrupted")
    answer = Answer(turn.question, n=turn.n, fill=lambda answer: replay(turn, answer))
    assert answer.done
    assert answer.text == "Answer 1. It is so [1]."
    assert answer.citations == (cited(1),)
    assert answer.n == 1


def test_citations_are_in_order_of_their_numbers() -> None:
    citations: tuple[Citation, ...] = played(cited(2), cited(1)).answer.citations
    assert [citation.n for citation in citations] == [1, 2]
