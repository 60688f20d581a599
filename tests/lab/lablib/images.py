"""The lab's images: the base from a registry or from debootstrap, the rest from the Dockerfiles under images/."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import debian_packages
from .docker import Docker
from .settings import IMAGE_PREFIX, LAB_DIRECTORY, LABEL
from .shell import LabError, run, say

IMAGES_DIRECTORY = LAB_DIRECTORY / "images"
HASH_LABEL = "com.sre-remediation.image-hash"
DEBIAN = "debian:bookworm-slim"
REGISTRY = ("registry-1.docker.io", 443)
SECONDS_FOR_REGISTRY = 2
SECONDS_TO_PULL = 120


@dataclass(frozen=True)
class Image:
    """One image: folder under images/, tag, the image it is built from, and what the Dockerfile is told."""

    folder: str
    tag: str
    parent: str
    name: str = ""
    target: str = ""
    arguments: dict[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        return f"{IMAGE_PREFIX}/{self.name or self.folder}:{self.tag}"


BASE = f"{IMAGE_PREFIX}/base:bookworm"
PYTHON = Image("python", "3.11", BASE)
PROXY = Image("proxy", "1.22", BASE)


def _release(version: str, target: str = "release", name: str = "api") -> Image:
    return Image("api", version, PYTHON.reference, name=name, target=target, arguments={"RELEASE": version})


def _later(version: str) -> Image:
    parent = f"{IMAGE_PREFIX}/api:{CURRENT_RELEASE}"
    return Image("api-later", version, parent, name=UNPUBLISHED, arguments={"RELEASE": version})


CURRENT_RELEASE = "1.1.0"
GOOD_RELEASES = (_release("1.0.0"), _release(CURRENT_RELEASE))
# Releases that went wrong lie under another name until a fault deploys them: on a real server a release arrives with
# its deployment, and before it the previous good one is the newest there is.
UNPUBLISHED = "api-unpublished"
BAD_RELEASES = (
    _release("1.2.0-bad", name=UNPUBLISHED),
    _release("1.2.1-bad", name=UNPUBLISHED),
    _release("1.2.2-bad", "wrong-command", UNPUBLISHED),
    _release("1.3.0-bad", "without-defaults", UNPUBLISHED),
    _later("1.2.0"),
    _later("1.2.3-bad"),
    _later("1.2.4"),
)

IMAGES: Sequence[Image] = (
    PYTHON,
    PROXY,
    Image("db", "15", BASE),
    Image("cache", "7.0", BASE),
    *GOOD_RELEASES,
    *BAD_RELEASES,
    Image("worker", "1.0.0", PYTHON.reference),
    Image("frontend", "1.1.0", PROXY.reference),
    Image("legacy-host", CURRENT_RELEASE, f"{IMAGE_PREFIX}/api:{CURRENT_RELEASE}"),
)
"""In building order: an image comes after its parent."""


def content_hashes(images: Sequence[Image] = IMAGES) -> dict[str, str]:
    """Hash by reference of everything an image is made from: its folder, its parent's hash, target and arguments."""
    hashes: dict[str, str] = {BASE: "bookworm"}
    for image in images:
        digest = hashlib.sha256()
        for part in (hashes[image.parent], image.target, *sorted(f"{k}={v}" for k, v in image.arguments.items())):
            digest.update(part.encode() + b"\0")
        folder = IMAGES_DIRECTORY / image.folder
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                mode = path.stat().st_mode & 0o111 != 0
                digest.update(f"{path.relative_to(folder)}\0{mode}\0".encode() + path.read_bytes() + b"\0")
        hashes[image.reference] = digest.hexdigest()[:20]
    return hashes


def ensure_images(docker: Docker, *, rebuild: bool = False) -> None:
    """Build what is missing or was built from other content."""
    hashes = content_hashes()
    present = _present_hashes(docker)
    wanted = [image for image in IMAGES if rebuild or present.get(image.reference) != hashes[image.reference]]
    if not wanted:
        return
    _ensure_base(docker)
    for image in wanted:
        say(f"building {image.reference}")
        options = [
            f"--label={LABEL}.image=1",
            f"--label={HASH_LABEL}={hashes[image.reference]}",
            f"--tag={image.reference}",
        ]
        options += [f"--build-arg={name}={value}" for name, value in image.arguments.items()]
        options += [f"--target={image.target}"] if image.target else []
        options += ["--no-cache"] if rebuild else []
        # The build uses the host's network: a lab machine may have no other way to the package mirror.
        docker.run("build", "--network=host", *options, str(IMAGES_DIRECTORY / image.folder))


def _present_hashes(docker: Docker) -> dict[str, str]:
    """Content hash by reference of the lab's images this engine has."""
    rows = docker.lines("image", "ls", "--filter", f"label={LABEL}.image", "--format", "{{.Repository}}:{{.Tag}}")
    if not rows:
        return {}
    pattern = f'{{{{index .Config.Labels "{HASH_LABEL}"}}}} {{{{join .RepoTags " "}}}}'
    present = {}
    for line in docker.lines("image", "inspect", "--format", pattern, *sorted({r for r in rows if "<none>" not in r})):
        content_hash, *references = line.split()
        present.update(dict.fromkeys(references, content_hash))
    return present


def _has(docker: Docker, reference: str) -> bool:
    return docker.run("image", "inspect", "--format", "1", reference, check=False).returncode == 0


def _ensure_base(docker: Docker) -> None:
    """Give the lab its own name for a Debian bookworm base image, from the engine, a registry or debootstrap."""
    if _has(docker, BASE):
        return
    was_there = _has(docker, DEBIAN)
    if was_there or _pull(docker):
        docker.run("tag", DEBIAN, BASE)
        if not was_there:
            docker.run("rmi", DEBIAN)  # only the name: what the lab made, the lab can remove
        return
    _bootstrap(docker)


def _pull(docker: Docker) -> bool:
    """Pull the base image if the registry answers at once."""
    try:
        socket.create_connection(REGISTRY, timeout=SECONDS_FOR_REGISTRY).close()
    except OSError:
        return False
    say(f"pulling {DEBIAN}")
    try:
        return docker.run("pull", "--quiet", DEBIAN, check=False, timeout=SECONDS_TO_PULL).returncode == 0
    except LabError:  # too slow
        return False


def _bootstrap(docker: Docker) -> None:
    """Build the base image with debootstrap, which needs only a Debian mirror."""
    if os.geteuid() != 0:
        raise LabError(
            f"no registry answers and debootstrap needs root: run `docker pull {DEBIAN}` where possible, or run this as root"
        )
    if not shutil.which("debootstrap"):
        if not debian_packages.can_install():
            raise LabError(
                f"no registry answers, and there is no debootstrap: install it, or load an image named {DEBIAN}"
            )
        debian_packages.install(["debootstrap", "debian-archive-keyring"])
    say("building the base image with debootstrap (no registry answers)")
    with tempfile.TemporaryDirectory(prefix="sre-lab-base-") as root:
        run(
            [
                "debootstrap",
                "--variant=minbase",
                f"--keyring={debian_packages.KEYRING}",
                "bookworm",
                root,
                debian_packages.MIRROR,
            ]
        )
        # Package files and lists are not needed any more; daemons must not start while packages are installed.
        script = 'rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/* "$1"/usr/share/{doc,man,locale}/*'
        run(["bash", "-c", script, "bash", root])
        policy = Path(root, "usr/sbin/policy-rc.d")
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
        policy.chmod(0o755)
        label = f"LABEL {LABEL}.image=1"
        run(
            ["sh", "-c", 'tar -C "$1" -c . | docker import --change "$2" - "$3"', "sh", root, label, BASE],
            env={"DOCKER_HOST": docker.host},
        )


def remove_superseded(docker: Docker) -> None:
    """Remove the lab's images that lost their name to a newer build; those a container still uses stay."""
    old = docker.lines("image", "ls", "--quiet", "--filter", "dangling=true", "--filter", f"label={LABEL}.image")
    if old:
        docker.run("rmi", *old, check=False)


def remove_images(docker: Docker) -> None:
    """Remove the lab's images, children first; one that another lab still uses stays and is named."""
    for reference in [*(image.reference for image in reversed(IMAGES)), BASE]:
        if _has(docker, reference):
            answer = docker.run("rmi", reference, check=False)
            if answer.returncode != 0:
                say(f"kept {reference}: {answer.stderr.strip()}")
