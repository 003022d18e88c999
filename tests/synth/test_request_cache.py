import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from synth.cache import RequestCache
from synth.request import Completion, Message, Request, Sampling


def request(seed: int) -> Request:
    return Request(
        messages=(Message("user", "What is 1 + 2?"),),
        model="m",
        sampling=Sampling(temperature=0.6, top_p=0.95, max_tokens=100),
        seed=seed,
    )


def completion(
    text: str = "3 \u221a \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
) -> Completion:
    return Completion(
        text=text, finish_reason="stop", prompt_tokens=5, completion_tokens=2, model="m-1"
    )


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_what_was_put_is_got_on_any_file_system(tmp_path: Path, scheme: str) -> None:
    cache = RequestCache(f"{scheme}{tmp_path}/cache")
    assert cache.get(request(0).key) is None
    cache.put(request(0), completion())
    assert cache.get(request(0).key) == completion()
    assert cache.get(request(1).key) is None


def test_files_fan_out_by_the_first_two_digits_of_the_key(tmp_path: Path) -> None:
    cache = RequestCache(str(tmp_path))
    cache.put(request(0), completion())
    (file,) = tmp_path.rglob("*.json")
    key = request(0).key
    assert file == tmp_path / key[:2] / f"{key}.json"
    assert json.loads(file.read_text())["request"]["seed"] == 0


def test_a_torn_file_never_reads_as_an_answer_and_is_replaced(tmp_path: Path) -> None:
    cache = RequestCache(str(tmp_path))
    cache.put(request(0), completion())
    path = Path(cache.path(request(0).key))
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert cache.get(request(0).key) is None, whole[:end]
    cache.put(request(0), completion())
    assert cache.get(request(0).key) == completion()


def test_an_edited_answer_is_not_believed(tmp_path: Path) -> None:
    cache = RequestCache(str(tmp_path))
    cache.put(request(0), completion("the sum is 3"))
    path = Path(cache.path(request(0).key))
    path.write_text(path.read_text().replace("the sum is 3", "the sum is 4"))
    assert cache.get(request(0).key) is None


def test_an_answer_under_the_name_of_another_request_is_not_believed(tmp_path: Path) -> None:
    cache = RequestCache(str(tmp_path))
    cache.put(request(0), completion())
    other = Path(cache.path(request(1).key))
    other.parent.mkdir(exist_ok=True)
    Path(cache.path(request(0).key)).rename(other)
    assert cache.get(request(1).key) is None


def test_what_a_killed_writer_left_is_no_answer(tmp_path: Path) -> None:
    cache = RequestCache(str(tmp_path))
    path = Path(cache.path(request(0).key))
    path.parent.mkdir(parents=True)
    (path.parent / f".{path.name}.0123.tmp").write_text('{"version": 1, "key"')
    assert cache.get(request(0).key) is None


def test_many_threads_may_write_one_request(tmp_path: Path) -> None:
    cache = RequestCache(str(tmp_path))
    texts = [f"answer {number}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: cache.put(request(0), completion(text)), texts))
    stored = cache.get(request(0).key)
    assert stored is not None
    assert stored.text in texts
    assert len(list(tmp_path.rglob("*"))) == 2  # its folder and one file


def test_get_many_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    cache = RequestCache(str(tmp_path))
    for seed in (0, 2):
        cache.put(request(seed), completion(str(seed)))
    keys = [request(seed).key for seed in (0, 1, 2, 0)]
    found = cache.get_many(keys)
    assert {key: found[key].text for key in found} == {keys[0]: "0", keys[2]: "2"}
    assert cache.get_many([]) == {}
