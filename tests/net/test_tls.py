"""Reaching servers over TLS: an authority of one's own is trusted when it is named, and nothing else is."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.cli.main import cli
from sigmagen.deploy.elastic import elasticsearch_client, kibana_client
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.splunk_rest import SplunkClient
from sigmagen.mapping.taxonomy import load_taxonomy
from sigmagen.problems import SigmagenError
from tests.servers import splunk
from tests.servers.stand_in import Reply, StandIn, serve

NOTHING = Reply(200, b"{}", {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"})


def certificate(folder: Path) -> tuple[Path, Path, str]:
    """A self-signed certificate of 127.0.0.1, its key, and its fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in.example.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private, made.fingerprint(hashes.SHA256()).hex()


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[StandIn, Path, str]]:
    """A stand-in over TLS: for a Splunk where Splunk's path is asked for, otherwise for an empty Elasticsearch."""
    pem, private, fingerprint = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    with serve(lambda asked: splunk.answer(asked) if asked.path == splunk.PATH else NOTHING, context) as server:
        yield server, pem, fingerprint


def test_splunk_certificate_must_be_from_trusted_authority(tls: tuple[StandIn, Path, str]) -> None:
    server, pem, _ = tls
    trusting, doubting = SplunkClient(server.url, "token", str(pem)), SplunkClient(server.url, "token")
    assert len(trusting.export("| makeresults", "0", "1")) == 1
    with pytest.raises(SigmagenError, match="CERTIFICATE_VERIFY_FAILED"):
        doubting.export("| makeresults", "0", "1")
    assert len(server.requests) == 1
    trusting.close()
    doubting.close()


def test_elasticsearch_certificate_is_verified_by_authority_or_fingerprint(
    tls: tuple[StandIn, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, pem, fingerprint = tls
    taxonomy = load_taxonomy(mappings_folder())

    def reached(name: str, value: str) -> bool:
        with monkeypatch.context() as patched:
            patched.setenv(name, value)
            try:
                ElasticsearchEngine(server.url, taxonomy).close()
            except SigmagenError as error:
                if "TlsError" not in str(error):
                    raise
                return False
        return True

    assert reached("SIGMAGEN_ELASTICSEARCH_CA_FILE", str(pem))
    assert reached("SIGMAGEN_ELASTICSEARCH_FINGERPRINT", fingerprint)
    asked = len(server.requests)
    assert not reached("SIGMAGEN_ELASTICSEARCH_FINGERPRINT", "0" * 64)
    assert not reached("SIGMAGEN_UNRELATED", "1")
    assert len(server.requests) == asked


def test_a_deployment_reads_the_same_settings_for_certificates(
    tls: tuple[StandIn, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, pem, fingerprint = tls
    for name, value in {
        "SIGMAGEN_ELASTICSEARCH_URL": server.url,
        "SIGMAGEN_ELASTICSEARCH_FINGERPRINT": fingerprint,
        "SIGMAGEN_KIBANA_URL": server.url,
        "SIGMAGEN_KIBANA_API_KEY": "key",
        "SIGMAGEN_KIBANA_CA_FILE": str(pem),
    }.items():
        monkeypatch.setenv(name, value)
    for client in (elasticsearch_client(), kibana_client()):
        assert client.send("GET", "/").status == 200
        client.close()


def test_deploying_to_splunk_reads_the_file_of_a_private_authority(
    tls: tuple[StandIn, Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, pem, _ = tls
    monkeypatch.setattr("sigmagen.net.client.FIRST_PAUSE", 0.0)
    monkeypatch.setenv("SIGMAGEN_SPLUNK_URL", server.url)
    monkeypatch.setenv("SIGMAGEN_SPLUNK_TOKEN", "a-token")
    rule = rules_folder() / "volume" / "call_count.yml"
    deploy = ["deploy", "splunk", str(rule), "-s", "litellm", "--dry-run"]
    doubting = CliRunner().invoke(cli, deploy)
    assert "CERTIFICATE_VERIFY_FAILED" in doubting.stderr
    assert not server.requests
    monkeypatch.setenv("SIGMAGEN_SPLUNK_CA_FILE", str(pem))
    CliRunner().invoke(cli, deploy)
    assert server.requests
