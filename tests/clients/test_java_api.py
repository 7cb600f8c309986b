"""The EWS Java API (com.microsoft.ews-java-api), unmodified: each JUnit test in the folder java is a test here.

The API asks for Exchange 2010 SP2 at most. All tests run in one virtual machine, which verifies the certificate.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.clients.conftest import Staff
from tests.clients.packages import jars, run

SOURCES = Path(__file__).parent / "java"
TESTS = [
    f"{file.stem}.{name}"
    for file in sorted(SOURCES.glob("*Test.java"))
    for name in re.findall(r"@Test\s+void (\w+)", file.read_text())
]


@pytest.fixture(scope="module")
def results(staff: Staff, java_trust: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For each test what went wrong in it, or nothing."""
    folder = tmp_path_factory.mktemp("java-tests")
    classpath = os.pathsep.join(str(each) for each in sorted(jars(SOURCES / "pom.xml").glob("*.jar")))
    classes, sources = str(folder / "classes"), [str(each) for each in sorted(SOURCES.glob("*.java"))]
    java = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.awt.headless=true", "-Duser.timezone=UTC")
    compiler = (*java, "-cp", classpath, "org.eclipse.jdt.internal.compiler.batch.Main", "-17", "-nowarn")
    run(*compiler, "-encoding", "UTF-8", "-d", classes, "-cp", classpath, *sources)
    told = [f"-D{name}={value}" for name, value in staff.described().items()]
    junit = ("-cp", classpath + os.pathsep + classes, "org.junit.platform.console.ConsoleLauncher", "execute")
    # Its exit status says that a test failed; which one is asserted below.
    launched = (*java, *java_trust, *told, *junit, "--scan-classpath", classes, "--reports-dir", str(folder))
    run("sh", "-c", '"$@"; [ $? -le 1 ]', "sh", *launched, "--disable-banner", "--details=none")
    report = ElementTree.parse(folder / "TEST-junit-jupiter.xml")
    return {
        f"{case.get('classname')}.{(case.get('name') or '').removesuffix('()')}": "\n".join(
            problem.text or "" for kind in ("failure", "error") for problem in case.iter(kind)
        )
        for case in report.iter("testcase")
    }


@pytest.mark.parametrize("name", TESTS)
def test_java(results: dict[str, str], name: str) -> None:
    assert not results[name], results[name]
