import socket

from synth.engines.event_loop import SOCKETS_PER_TURN, make_event_loop


def test_many_sockets_that_are_ready_at_once_are_taken_a_few_a_turn_and_each_once() -> None:
    loop = make_event_loop()
    pairs = [socket.socketpair() for _ in range(5 * SOCKETS_PER_TURN)]
    turns: list[list[int]] = [[]]
    num_read = 0

    def next_turn() -> None:
        turns.append([])
        loop.call_soon(next_turn)

    def read(number: int) -> None:
        nonlocal num_read
        pairs[number][1].recv(1)
        turns[-1].append(number)
        num_read += 1
        if num_read == len(pairs):
            loop.stop()

    for number, (ours, theirs) in enumerate(pairs):
        ours.send(b"x")
        loop.add_reader(theirs, read, number)
    loop.call_soon(next_turn)
    loop.run_forever()
    assert max(map(len, turns)) <= SOCKETS_PER_TURN
    assert sorted(number for turn in turns for number in turn) == [*range(len(pairs))]
    for ours, theirs in pairs:
        loop.remove_reader(theirs)
        ours.close()
        theirs.close()
    loop.close()
