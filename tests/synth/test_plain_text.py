import pytest

from synth.plain_text import chat_token, plain_text


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        ("<think>\na\n</think>\n\nb", "a\n\nb"),
        ("<think>a</think>b<|im_end|>", "a\n\nb"),
        ("b</s> <|endoftext|>\n", "b"),
        ("if a < b then |a| > 0", "if a < b then |a| > 0"),
        ("a <|im_end|> b", "a <|im_end|> b"),
        ("<think></think>", ""),
    ],
)
def test_think_tags_and_leaked_stops_go_and_the_words_stay(completion: str, text: str) -> None:
    assert plain_text(completion) == text


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("a <|im_start|>user b", "<|im_start|>"),
        ("[INST] hi [/INST]", "[INST]"),
        ("<start_of_turn>model", "<start_of_turn>"),
        ("<\uff5cUser\uff5c>", "<\uff5cUser\uff5c>"),
        ("<s>hello", "<s>"),
        ("the strike <s>tag</s> of HTML", "</s>"),
        ("|x| <| y |>", None),
        ("p(a|b) < |c|", None),
    ],
)
def test_markup_of_a_chat_is_found(text: str, token: str | None) -> None:
    assert chat_token(text) == token
