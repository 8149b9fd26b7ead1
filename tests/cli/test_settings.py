from __future__ import annotations

from pathlib import Path

import pytest

from engine.books.postgres import Server
from engine.core.effects import TOLD
from engine.core.moments import Length
from engine.wiring.settings import Settings, SettingsError, described, keys, load, variable

AS_DOCUMENTED = """
data = "data"
workflows = "workflows"
secret_file = "data/secret"
public_url = "http://127.0.0.1:8080"
history_after = "72h"
approvals = 0

[listen]
public = "127.0.0.1:8080"
ops = "127.0.0.1:8081"

[sender]
name = "Example Shop"
address = "hello@shop.example"
kind = "mailbox"
only_to = []

[smtp]
host = "127.0.0.1"
port = 25
tls = "starttls"

[hooks.shopify]
[hooks.postmark]
[hooks.ses]
"""

WEBHOOK = '[webhooks.crm]\nurl = "{url}"\ntake = ["{take}"]'


def test_the_documented_file_is_what_holds_without_one(tmp_path: Path) -> None:
    """winback.toml as it is documented changes nothing but the sender's name."""
    path = tmp_path / "winback.toml"
    path.write_text(AS_DOCUMENTED)
    said, unsaid = load(path, {}), Settings()
    assert said.links_begin_with == unsaid.links_begin_with == "http://127.0.0.1:8080"
    assert (said.listen, said.smtp, said.history_after) == (unsaid.listen, unsaid.smtp, Length(minutes=72 * 60))
    assert said.secret_place == unsaid.secret_place == Path("data/secret")


def test_the_environment_goes_before_the_file_and_the_command_line_before_both(tmp_path: Path) -> None:
    """`WINBACK_` and the key's path in capitals; lists with commas."""
    path = tmp_path / "winback.toml"
    path.write_text('data = "from-file"\n[listen]\nops = "127.0.0.1:1"\n[sender]\nname = "Kept"\n')
    environment = {
        "WINBACK_DATA": "from-environment",
        "WINBACK_LISTEN_OPS": "127.0.0.1:9081",
        "WINBACK_SENDER_ONLY_TO": "*@shop.example, ada@example.org",
        "WINBACK_APPROVALS": "0",
    }
    settings = load(path, environment)
    assert (settings.data, settings.listen.ops) == (Path("from-environment"), "127.0.0.1:9081")
    assert settings.sender.only_to == ("*@shop.example", "ada@example.org")
    assert settings.sender.name == "Kept"
    assert load(path, environment, data=Path("said")).data == Path("said")
    assert load(None, {"WINBACK_CONFIG": str(path)}).sender.name == "Kept"


def test_the_secret_lies_in_the_data_folder_that_is_used() -> None:
    """Where only --data is said, the secret goes with it."""
    assert load(None, {}, data=Path("elsewhere")).secret_place == Path("elsewhere/secret")


@pytest.mark.parametrize(
    ("text", "environment", "said"),
    [
        ('dat = "x"', {}, "did you mean data?"),
        ('[smtp]\npassword = "x"', {}, "smtp.password_file, or WINBACK_SMTP_PASSWORD"),
        ('[sender]\nkind = "http"', {}, "service.kind: with sender.kind"),
        ('[sender]\nkind = "http"\n[service]\nkind = "ses"', {}, "service.key_id: ses needs it"),
        ('[sender]\nkind = "http"\n[service]\nkind = "mailgun"', {}, "service.domain: mailgun needs it"),
        ('[sender]\nkind = "http"\n[service]\nkind = "webhook"', {}, "service.url: webhook needs it"),
        (
            '[sender]\nkind = "http"\n[service]\nkind = "brevo"\nkey = "x"',
            {},
            "service.key_file, or WINBACK_SERVICE_KEY",
        ),
        ('[sender]\nkind = "http"\n[service]\nkind = "sendgrid"\nregion = "us"', {}, 'sendgrid has "eu"'),
        ('[service]\nkind = "brevo"\nurl = "http://api.brevo.com"', {}, "write an https address"),
        ('[dkim]\nselector = "k1"', {}, "dkim.domain: a signature needs selector and domain"),
        ('[sender]\nkind = "kafka"', {}, "is for the distributed engine"),
        ('[kafka]\nbrokers = ["kafka"]', {}, "write a host and a port"),
        ('practice = 2026-01-01\n[kafka]\nbrokers = ["kafka:9092"]', {}, "a shop for practice runs embedded"),
        ('[kafka]\npassword = "x"', {}, "kafka.password_file, or WINBACK_KAFKA_PASSWORD"),
        ('[kafka]\nuser = "x"\nmechanism = "plain"', {}, "sends the password as it is"),
        ('[kafka]\nca_file = "x"', {}, 'for protocol = "tls"'),
        ("[kafka]\npartitions = 0", {}, "kafka.partitions"),
        ('[worker]\nstore = "disk"', {}, "write one of 'memory' or 'rocksdb'"),
        ('[postgres]\nurl = "db"', {}, "write it whole"),
        ('[postgres]\nurl = "postgresql://db/winback"', {}, "name kafka.brokers as well"),
        ('[postgres]\nurl = "postgresql://w:geheim@db/winback"', {}, "postgres.url_file, or WINBACK_POSTGRES_URL"),
        ("approvals = 2", {}, "less than or equal to 1"),
        ('history_after = "3 days"', {}, "write 3d"),
        ('[listen]\nops = "8081"', {}, "127.0.0.1:8080"),
        ('[hooks.shopify]\nsecrets = ["x"]', {}, "hooks.shopify.secrets_file, or WINBACK_HOOKS_SHOPIFY_SECRETS"),
        ('[hooks.mailgun]\nwindow = "2d"', {}, "write a day or less"),
        ('[shop]\npoll = "20s"', {}, "shop.poll"),
        ("[hooks.shopfy]", {}, "did you mean hooks.shopify?"),
        ("data = ", {}, "not TOML"),
        ("", {"WINBACK_LISTEN_OPP": "x"}, "did you mean WINBACK_LISTEN_OPS?"),
        ("", {"WINBACK_SMTP_PORT": "many"}, "WINBACK_SMTP_PORT"),
        ("", {"WINBACK_HOOKS_SES_SECRETS": "x"}, "there is no such setting"),
        (WEBHOOK.format(url="http://tool.example/x", take="winback.suppressed"), {}, "write an https address"),
        (
            WEBHOOK.format(url="https://tool.example/x", take="winback.supressed"),
            {},
            "did you mean winback.suppressed?",
        ),
        ('[webhooks.crm]\nurl = "https://tool.example"\ntake = []', {}, "webhooks.crm.take"),
        ('[webhooks.crm]\nurl = "https://tool.example"\ntale = ["*"]', {}, "did you mean webhooks.crm.take?"),
        ('[webhooks.crm]\nsecret = "x"', {}, "webhooks.crm.secret_file, or WINBACK_WEBHOOKS_CRM_SECRET"),
        ('[webhooks.crm]\nchannels = ["fax"]', {}, "letter, phone, sms, push"),
        ('[webhooks."my crm"]', {}, "webhooks.my crm"),
        ("", {"WINBACK_WEBHOOKS_CRM_SECRET": "x"}, "WINBACK_WEBHOOKS_CRM_SECRET: there is no such setting"),
        ('[teams.care]\nmail = "somebody"', {}, "teams.care.mail"),
        ('[files]\ntake = ["suppressed"]', {}, "did you mean winback.suppressed?"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_and_its_cure(
    text: str, environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    """Unknown keys and variables are errors too."""
    path = tmp_path / "winback.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load(path, environment)
    assert said in str(refused.value)


def test_receivers_are_named_tables_and_their_secrets_variables(tmp_path: Path) -> None:
    """A webhook's secret may come from a variable of its name; `*` is every effect there is."""
    path = tmp_path / "winback.toml"
    path.write_text(
        WEBHOOK.format(url="http://127.0.0.1:9000/x", take="*") + '\n[teams.care]\nmail = "care@shop.example"'
    )
    settings = load(path, {"WINBACK_WEBHOOKS_CRM_SECRET": "x"})
    assert settings.webhooks["crm"].take == tuple(sorted(TOLD))
    assert settings.teams["care"].mail == "care@shop.example"
    assert settings.files.take == ()


def test_naming_brokers_makes_it_the_distributed_engine(tmp_path: Path) -> None:
    """Without brokers nothing of Kafka matters; a password may stand in the variable of PostgreSQL's URL."""
    assert not load(None, {}, data=tmp_path).distributed
    url = "postgresql://w:geheim@db/winback"
    settings = load(None, {"WINBACK_KAFKA_BROKERS": "a:9092, b:9092", "WINBACK_POSTGRES_URL": url})
    assert settings.distributed
    assert settings.kafka.brokers == ("a:9092", "b:9092")
    assert isinstance(settings.books, Server)
    assert settings.books.url == url
    assert "geheim" not in repr(settings)


def test_the_books_are_where_the_engine_is(tmp_path: Path) -> None:
    """In the data folder, or in PostgreSQL, whose url a file may hold."""
    assert load(None, {}, data=tmp_path).books == tmp_path
    kept = tmp_path / "url"
    named = load(None, {"WINBACK_KAFKA_BROKERS": "a:9092", "WINBACK_POSTGRES_URL_FILE": str(kept)})
    with pytest.raises(SettingsError, match="url"):
        _ = named.books
    kept.write_text("db.example\n")
    with pytest.raises(SettingsError, match="postgresql://"):
        _ = named.books
    kept.write_text("postgresql://w:geheim@db/winback\n")
    assert named.books == Server("postgresql://w:geheim@db/winback")
    with pytest.raises(SettingsError, match="WINBACK_POSTGRES_URL"):
        _ = load(None, {"WINBACK_KAFKA_BROKERS": "a:9092"}).books


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """One line for each."""
    path = tmp_path / "winback.toml"
    path.write_text('dat = 1\napprovals = 2\n[smtp]\nport = "x"\n')
    with pytest.raises(SettingsError) as refused:
        load(path, {"WINBACK_NOTHING": "1"})
    assert len(str(refused.value).splitlines()) == 4


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    """winback.toml may be missing; one that was named may not."""
    with pytest.raises(SettingsError, match="does not exist"):
        load(tmp_path / "other.toml", {})


def test_every_setting_says_what_it_is() -> None:
    """`winback run --help` names each with its default and its variable."""
    assert [key for key, _, means in described() if not means] == []
    assert len({variable(path) for path, _ in keys()}) == len(list(keys()))


def test_hooks_are_set_by_variables_too(tmp_path: Path) -> None:
    """Their secrets by variables alone, all else by both."""
    path = tmp_path / "winback.toml"
    path.write_text("[hooks.shopify]\n")
    environment = {
        "WINBACK_HOOKS_SHOPIFY_SECRETS": "new,old",
        "WINBACK_HOOKS_SES_TOPICS": "arn:aws:sns:eu-west-1:1:a,arn:aws:sns:eu-west-1:1:b",
        "WINBACK_HOOKS_MAILGUN_WINDOW": "15min",
        "WINBACK_SHOP_POLL": "off",
    }
    settings = load(path, environment)
    assert len(settings.hooks.ses.topics) == 2
    assert settings.hooks.mailgun.window == Length(minutes=15)
    assert settings.shop.poll is None
