"""An S3-compatible object store on this machine that checks signatures and rights, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

REGION = "eu-west-2"
BUCKETS = ("lake", "lake-safeguarded")
USERS = {
    "publisher-open": ("lake", ["s3:*"]),
    "publisher-safeguarded": ("lake-safeguarded", ["s3:*"]),
    "site-open": ("lake", ["s3:GetObject", "s3:ListBucket"]),
    "site-safeguarded": ("lake-safeguarded", ["s3:GetObject", "s3:ListBucket"]),
}
SETTING_UP = len(BUCKETS) + 3 * len(USERS)
"""How many requests make buckets and users, before rights are asked for."""


@dataclass
class ObjectStore:
    """A store that runs. keys: (access key, secret) by user."""

    process: subprocess.Popen[str]
    endpoint: str
    keys: dict[str, tuple[str, str]]

    @classmethod
    def start(cls) -> Self:
        environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(SETTING_UP)}
        process = subprocess.Popen(
            [sys.executable, __file__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        return cls(process, said["endpoint"], {name: tuple(pair) for name, pair in said["keys"].items()})

    def stop(self) -> None:
        self.process.communicate("", timeout=20)

    def credentials(self, folder: Path, user: str, **changes: Any) -> Path:
        """The file that a zone is given for this user."""
        access, secret = self.keys[user]
        said = {
            "address": f"s3://{USERS[user][0]}/hospital",
            "endpoint": self.endpoint,
            "region": REGION,
            "access_key_id": access,
            "secret_access_key": secret,
            **changes,
        }
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{user}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(said))
        return file


def serve() -> None:
    """Start the store, make buckets and users, say where it is and who may, and stay until standard input ends."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    way_in = {"endpoint_url": endpoint, "region_name": REGION, "aws_access_key_id": "setting-up", "aws_secret_access_key": "setting-up"}
    storage, people = boto3.client("s3", **way_in), boto3.client("iam", **way_in)
    for bucket in BUCKETS:
        storage.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    keys = {}
    for name, (bucket, actions) in USERS.items():
        rights = {"Effect": "Allow", "Action": actions, "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}
        people.create_user(UserName=name)
        people.put_user_policy(
            UserName=name, PolicyName="rights", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [rights]})
        )
        key = people.create_access_key(UserName=name)["AccessKey"]
        keys[name] = (key["AccessKeyId"], key["SecretAccessKey"])
    print(json.dumps({"endpoint": endpoint, "keys": keys}), flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    serve()
