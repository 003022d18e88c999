"""Run the demo recipe on a real Flink and compare every shard with the local run's.

The job server brings an embedded Flink; Maven fetches its jars once, into deploy/flink/target.
Python code runs in this machine's submitter (Beam's LOOPBACK environment).
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
JARS = HERE / "target" / "jars"
RECIPE = "recipes/demo.yaml"
LOCAL, FLINK = Path("runs/demo"), Path("runs/demo-flink")
START_SECONDS = 120


def main() -> int:
    """Fetch the jars, run on Flink, compare; returns the exit status."""
    if not fetch_jars():
        return 1
    if not (LOCAL / "run.json").exists():
        subprocess.run([*_reasonmill(), "run", RECIPE], check=True)
    shutil.rmtree(FLINK, ignore_errors=True)
    with flink_options() as beam_options:
        command = [*_reasonmill(), "run", RECIPE, "--set", f"output={FLINK}", *beam_options]
        subprocess.run(command, check=True)
    return _compare()


def fetch_jars() -> bool:
    """Let Maven fetch the jars unless they are there; say what is missing, and return False."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            print(f"Flink needs {tool}; install Java 11 or 17 and Maven")
            return False
    if not JARS.is_dir():
        print("fetching Flink and Beam's job server ...")
        subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=target/jars"],
            cwd=HERE,
            check=True,
        )
    return True


@contextmanager
def flink_options() -> Iterator[list[str]]:
    """Beam options of a Flink that is up as long as the block lasts."""
    with _job_server() as endpoint:
        yield [
            "--runner=PortableRunner",
            f"--job_endpoint={endpoint}",
            "--environment_type=LOOPBACK",
            "--parallelism=2",
        ]


def _reasonmill() -> list[str]:
    return [sys.executable, "-m", "pipeline.cli"]


@contextmanager
def _job_server() -> Iterator[str]:
    """Beam's Flink job server on free ports; stopped at the end."""
    job_port, artifact_port, expansion_port = (_free_port() for _ in range(3))
    log = (HERE / "target" / "job-server.log").open("w")
    server = subprocess.Popen(
        [
            "java",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            f"{JARS}/*",
            "org.apache.beam.runners.flink.FlinkJobServerDriver",
            "--flink-master=[local]",
            f"--job-port={job_port}",
            f"--artifact-port={artifact_port}",
            f"--expansion-port={expansion_port}",
        ],
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(job_port, server)
        yield f"localhost:{job_port}"
    finally:
        server.terminate()
        server.wait()
        log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit(f"the job server ended; see {HERE / 'target' / 'job-server.log'}")
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", port)) == 0:
                return
        time.sleep(0.5)
    raise SystemExit(f"the job server did not answer within {START_SECONDS} s")


def _compare() -> int:
    """Compare the manifests of both runs, which hold every shard's SHA-256."""
    stages = json.loads((LOCAL / "run.json").read_text())["stages"]
    if stages != json.loads((FLINK / "run.json").read_text())["stages"]:
        print("the runs differ in their stages; run `make demo` again first")
        return 1
    different = []
    files = 0
    for name, identity in stages:
        local, flink = (
            json.loads((run / name / identity / "manifest.json").read_text())
            for run in (LOCAL, FLINK)
        )
        for output, entries in local["outputs"].items():
            files += len(entries)
            pairs = zip(entries, flink["outputs"][output], strict=True)
            different += [f"{name}/{a['name']}" for a, b in pairs if a["sha256"] != b["sha256"]]
    if different:
        print(f"{len(different)} of {files} files differ on Flink:", *different, sep="\n  ")
        return 1
    print(f"all {files} files of {len(stages)} stages are the same, byte for byte, on Flink")
    return 0


if __name__ == "__main__":
    sys.exit(main())
