"""What checks work with in a worker process: started when first needed, shared by its threads."""

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from synth.verification.mathematics import MathVerifier

if TYPE_CHECKING:
    from synth.verification.code import CodeVerifier


class Tools:
    """Verifiers of a process. Each thread compares mathematics in a child process of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own = threading.local()
        self._mathematics: list[MathVerifier] = []
        self._code: CodeVerifier | None = None

    @property
    def mathematics(self) -> MathVerifier:
        """The calling thread's."""
        found: MathVerifier | None = getattr(self._own, "mathematics", None)
        if found is None:
            found = self._own.mathematics = MathVerifier()
            with self._lock:
                self._mathematics.append(found)
        return found

    @property
    def code(self) -> "CodeVerifier":
        """The process's; raises ConfigError where the host cannot run a sandbox."""
        # Not at the top: code that only compares mathematics asks for no sandbox.
        from synth.sandbox.sandbox import Sandbox
        from synth.verification.code import CodeVerifier

        with self._lock:
            if self._code is None:
                self._code = CodeVerifier(Sandbox())
            return self._code

    def close(self) -> None:
        """End what was started."""
        with self._lock:
            for verifier in self._mathematics:
                verifier.close()
            self._mathematics.clear()
            if self._code is not None:
                self._code.close()
                self._code = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
